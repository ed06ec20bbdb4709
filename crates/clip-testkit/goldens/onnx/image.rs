// Generated from ONNX "image.onnx" by burn-onnx
extern crate alloc;
use burn::prelude::*;
use burn::nn::LayerNorm;
use burn::nn::LayerNormConfig;
use burn::nn::Linear;
use burn::nn::LinearConfig;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::Conv2d;
use burn::nn::conv::Conv2dConfig;


#[derive(Module, Debug)]
pub struct Model {
    constant18: burn::module::Param<Tensor<3>>,
    constant19: burn::module::Param<Tensor<3>>,
    constant31: burn::module::Param<Tensor<1>>,
    constant32: burn::module::Param<Tensor<1>>,
    conv2d1: Conv2d,
    layernormalization1: LayerNorm,
    layernormalization2: LayerNorm,
    linear1: Linear,
    linear2: Linear,
    linear3: Linear,
    linear4: Linear,
    layernormalization3: LayerNorm,
    linear5: Linear,
    linear6: Linear,
    layernormalization4: LayerNorm,
    linear7: Linear,
    #[module(skip)]
    device: Device,
}

impl Model {
    #[allow(unused_variables)]
    pub fn new(device: &Device) -> Self {
        let constant18: burn::module::Param<Tensor<3>> = burn::module::Param::uninitialized(
            burn::module::ParamId::new(),
            move |device, _require_grad| Tensor::<
                3,
            >::zeros([3, 1, 16], (device, burn::tensor::DType::F32)),
            device.clone(),
            false,
            [3, 1, 16].into(),
        );
        let constant19: burn::module::Param<Tensor<3>> = burn::module::Param::uninitialized(
            burn::module::ParamId::new(),
            move |device, _require_grad| Tensor::<
                3,
            >::zeros([1, 5, 16], (device, burn::tensor::DType::F32)),
            device.clone(),
            false,
            [1, 5, 16].into(),
        );
        let constant31: burn::module::Param<Tensor<1>> = burn::module::Param::uninitialized(
            burn::module::ParamId::new(),
            move |device, _require_grad| Tensor::<
                1,
            >::from_data(
                burn::tensor::TensorData::from([0.3535533845424652f64]),
                (device, burn::tensor::DType::F32),
            ),
            device.clone(),
            false,
            [1].into(),
        );
        let constant32: burn::module::Param<Tensor<1>> = burn::module::Param::uninitialized(
            burn::module::ParamId::new(),
            move |device, _require_grad| Tensor::<
                1,
            >::from_data(
                burn::tensor::TensorData::from([1.7020000219345093f64]),
                (device, burn::tensor::DType::F32),
            ),
            device.clone(),
            false,
            [1].into(),
        );
        let conv2d1 = Conv2dConfig::new([3, 16], [14, 14])
            .with_stride([14, 14])
            .with_padding(PaddingConfig2d::Valid)
            .with_dilation([1, 1])
            .with_groups(1)
            .with_bias(false)
            .init(device);
        let layernormalization1 = LayerNormConfig::new(16)
            .with_epsilon(0.000009999999747378752f64)
            .with_bias(true)
            .init(device);
        let layernormalization2 = LayerNormConfig::new(16)
            .with_epsilon(0.000009999999747378752f64)
            .with_bias(true)
            .init(device);
        let linear1 = LinearConfig::new(16, 16).with_bias(true).init(device);
        let linear2 = LinearConfig::new(16, 16).with_bias(true).init(device);
        let linear3 = LinearConfig::new(16, 16).with_bias(true).init(device);
        let linear4 = LinearConfig::new(16, 16).with_bias(true).init(device);
        let layernormalization3 = LayerNormConfig::new(16)
            .with_epsilon(0.000009999999747378752f64)
            .with_bias(true)
            .init(device);
        let linear5 = LinearConfig::new(16, 32).with_bias(true).init(device);
        let linear6 = LinearConfig::new(32, 16).with_bias(true).init(device);
        let layernormalization4 = LayerNormConfig::new(16)
            .with_epsilon(0.000009999999747378752f64)
            .with_bias(true)
            .init(device);
        let linear7 = LinearConfig::new(16, 24).with_bias(false).init(device);
        Self {
            constant18,
            constant19,
            constant31,
            constant32,
            conv2d1,
            layernormalization1,
            layernormalization2,
            linear1,
            linear2,
            linear3,
            linear4,
            layernormalization3,
            linear5,
            linear6,
            layernormalization4,
            linear7,
            device: device.clone(),
        }
    }

    #[allow(clippy::let_and_return, clippy::approx_constant)]
    pub fn forward(&self, pixel_values: Tensor<4>) -> Tensor<2> {
        let constant18_out1 = self.constant18.val();
        let constant19_out1 = self.constant19.val();
        let constant31_out1 = self.constant31.val();
        let constant32_out1 = self.constant32.val();
        let conv2d1_out1 = self.conv2d1.forward(pixel_values);
        let reshape1_out1 = conv2d1_out1.reshape([3, 16, 4]);
        let transpose1_out1 = reshape1_out1.permute([0, 2, 1]);
        let concat1_out1 = burn::tensor::Tensor::cat(
            [constant18_out1, transpose1_out1].into(),
            1,
        );
        let add1_out1 = concat1_out1.add(constant19_out1);
        let layernormalization1_out1 = {
            let dtype = add1_out1.dtype();
            self.layernormalization1
                .forward(add1_out1.cast(burn::tensor::DType::F32))
                .cast(dtype)
        };
        let layernormalization2_out1 = {
            let dtype = layernormalization1_out1.clone().dtype();
            self.layernormalization2
                .forward(layernormalization1_out1.clone().cast(burn::tensor::DType::F32))
                .cast(dtype)
        };
        let linear1_out1 = self.linear1.forward(layernormalization2_out1.clone());
        let linear2_out1 = self.linear2.forward(layernormalization2_out1.clone());
        let linear3_out1 = self.linear3.forward(layernormalization2_out1);
        let reshape2_out1 = linear1_out1.reshape([3, 5, -1, 8]);
        let transpose2_out1 = reshape2_out1.permute([0, 2, 1, 3]);
        let reshape3_out1 = linear2_out1.reshape([3, 5, -1, 8]);
        let reshape4_out1 = linear3_out1.reshape([3, 5, -1, 8]);
        let transpose3_out1 = reshape4_out1.permute([0, 2, 1, 3]);
        let transpose4_out1 = reshape3_out1.permute([0, 2, 3, 1]);
        let matmul4_out1 = transpose2_out1.matmul(transpose4_out1);
        let mul1_out1 = matmul4_out1
            .mul((constant31_out1).unsqueeze_dims(&[0isize, 1isize, 2isize]));
        let softmax1_out1 = burn::tensor::activation::softmax(mul1_out1, 3);
        let matmul5_out1 = softmax1_out1.matmul(transpose3_out1);
        let transpose5_out1 = matmul5_out1.permute([0, 2, 1, 3]);
        let reshape5_out1 = transpose5_out1.reshape([3, 5, -1]);
        let linear4_out1 = self.linear4.forward(reshape5_out1);
        let add2_out1 = layernormalization1_out1.add(linear4_out1);
        let layernormalization3_out1 = {
            let dtype = add2_out1.clone().dtype();
            self.layernormalization3
                .forward(add2_out1.clone().cast(burn::tensor::DType::F32))
                .cast(dtype)
        };
        let linear5_out1 = self.linear5.forward(layernormalization3_out1);
        let mul2_out1 = linear5_out1
            .clone()
            .mul((constant32_out1).unsqueeze_dims(&[0isize, 1isize]));
        let sigmoid1_out1 = burn::tensor::activation::sigmoid(mul2_out1);
        let mul3_out1 = linear5_out1.mul(sigmoid1_out1);
        let linear6_out1 = self.linear6.forward(mul3_out1);
        let add3_out1 = add2_out1.add(linear6_out1);
        let gather1_out1 = {
            let sliced = add3_out1.slice(s![.., 0, ..]);
            sliced.squeeze_dim::<2usize>(1)
        };
        let layernormalization4_out1 = {
            let dtype = gather1_out1.dtype();
            self.layernormalization4
                .forward(gather1_out1.cast(burn::tensor::DType::F32))
                .cast(dtype)
        };
        let linear7_out1 = self.linear7.forward(layernormalization4_out1);
        let reducel21_out1 = {
            let input_dtype = linear7_out1.clone().dtype();
            linear7_out1
                .clone()
                .square()
                .sum_dim(1usize)
                .cast(burn::tensor::DType::F32)
                .sqrt()
                .cast(input_dtype)
        };
        let clip1_out1 = reducel21_out1.clamp_min(0.0000000000009999999960041972f64);
        let expand1_out1 = {
            let onnx_shape: [i64; 2usize] = [3, 24];
            let input_dims = clip1_out1.dims();
            let mut shape = onnx_shape;
            #[allow(clippy::needless_range_loop)]
            for i in 0..2usize {
                let dim_offset = i;
                if shape[dim_offset] == 1 && input_dims[i] > 1 {
                    shape[dim_offset] = input_dims[i] as i64;
                }
            }
            clip1_out1.expand(shape)
        };
        let div1_out1 = linear7_out1.div(expand1_out1);
        div1_out1
    }
}

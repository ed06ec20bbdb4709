// Generated from ONNX "text.onnx" by burn-onnx
extern crate alloc;
use burn::prelude::*;
use burn::nn::LayerNorm;
use burn::nn::LayerNormConfig;
use burn::nn::Linear;
use burn::nn::LinearConfig;


#[derive(Module, Debug)]
pub struct Model {
    constant1: burn::module::Param<Tensor<2>>,
    constant26: burn::module::Param<Tensor<3>>,
    constant27: burn::module::Param<Tensor<4>>,
    constant42: burn::module::Param<Tensor<2, Int>>,
    constant46: burn::module::Param<Tensor<1>>,
    constant47: burn::module::Param<Tensor<1>>,
    layernormalization1: LayerNorm,
    linear1: Linear,
    linear2: Linear,
    linear3: Linear,
    linear4: Linear,
    layernormalization2: LayerNorm,
    linear5: Linear,
    linear6: Linear,
    layernormalization3: LayerNorm,
    linear7: Linear,
    linear8: Linear,
    linear9: Linear,
    linear10: Linear,
    layernormalization4: LayerNorm,
    linear11: Linear,
    linear12: Linear,
    layernormalization5: LayerNorm,
    linear13: Linear,
    #[module(skip)]
    device: Device,
}

impl Model {
    #[allow(unused_variables)]
    pub fn new(device: &Device) -> Self {
        let constant1: burn::module::Param<Tensor<2>> = burn::module::Param::uninitialized(
            burn::module::ParamId::new(),
            move |device, _require_grad| Tensor::<
                2,
            >::zeros([160, 40], (device, burn::tensor::DType::F32)),
            device.clone(),
            false,
            [160, 40].into(),
        );
        let constant26: burn::module::Param<Tensor<3>> = burn::module::Param::uninitialized(
            burn::module::ParamId::new(),
            move |device, _require_grad| Tensor::<
                3,
            >::zeros([1, 9, 40], (device, burn::tensor::DType::F32)),
            device.clone(),
            false,
            [1, 9, 40].into(),
        );
        let constant27: burn::module::Param<Tensor<4>> = burn::module::Param::uninitialized(
            burn::module::ParamId::new(),
            move |device, _require_grad| Tensor::<
                4,
            >::zeros([5, 1, 9, 9], (device, burn::tensor::DType::F32)),
            device.clone(),
            false,
            [5, 1, 9, 9].into(),
        );
        let constant42: burn::module::Param<Tensor<2, Int>> = burn::module::Param::uninitialized(
            burn::module::ParamId::new(),
            move |device, _require_grad| Tensor::<
                2,
                Int,
            >::zeros([5, 1], (device, burn::tensor::DType::I64)),
            device.clone(),
            false,
            [5, 1].into(),
        );
        let constant46: burn::module::Param<Tensor<1>> = burn::module::Param::uninitialized(
            burn::module::ParamId::new(),
            move |device, _require_grad| Tensor::<
                1,
            >::from_data(
                burn::tensor::TensorData::from([0.22360679507255554f64]),
                (device, burn::tensor::DType::F32),
            ),
            device.clone(),
            false,
            [1].into(),
        );
        let constant47: burn::module::Param<Tensor<1>> = burn::module::Param::uninitialized(
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
        let layernormalization1 = LayerNormConfig::new(40)
            .with_epsilon(0.000009999999747378752f64)
            .with_bias(true)
            .init(device);
        let linear1 = LinearConfig::new(40, 40).with_bias(true).init(device);
        let linear2 = LinearConfig::new(40, 40).with_bias(true).init(device);
        let linear3 = LinearConfig::new(40, 40).with_bias(true).init(device);
        let linear4 = LinearConfig::new(40, 40).with_bias(true).init(device);
        let layernormalization2 = LayerNormConfig::new(40)
            .with_epsilon(0.000009999999747378752f64)
            .with_bias(true)
            .init(device);
        let linear5 = LinearConfig::new(40, 30).with_bias(true).init(device);
        let linear6 = LinearConfig::new(30, 40).with_bias(true).init(device);
        let layernormalization3 = LayerNormConfig::new(40)
            .with_epsilon(0.000009999999747378752f64)
            .with_bias(true)
            .init(device);
        let linear7 = LinearConfig::new(40, 40).with_bias(true).init(device);
        let linear8 = LinearConfig::new(40, 40).with_bias(true).init(device);
        let linear9 = LinearConfig::new(40, 40).with_bias(true).init(device);
        let linear10 = LinearConfig::new(40, 40).with_bias(true).init(device);
        let layernormalization4 = LayerNormConfig::new(40)
            .with_epsilon(0.000009999999747378752f64)
            .with_bias(true)
            .init(device);
        let linear11 = LinearConfig::new(40, 30).with_bias(true).init(device);
        let linear12 = LinearConfig::new(30, 40).with_bias(true).init(device);
        let layernormalization5 = LayerNormConfig::new(40)
            .with_epsilon(0.000009999999747378752f64)
            .with_bias(true)
            .init(device);
        let linear13 = LinearConfig::new(40, 24).with_bias(false).init(device);
        Self {
            constant1,
            constant26,
            constant27,
            constant42,
            constant46,
            constant47,
            layernormalization1,
            linear1,
            linear2,
            linear3,
            linear4,
            layernormalization2,
            linear5,
            linear6,
            layernormalization3,
            linear7,
            linear8,
            linear9,
            linear10,
            layernormalization4,
            linear11,
            linear12,
            layernormalization5,
            linear13,
            device: device.clone(),
        }
    }

    #[allow(clippy::let_and_return, clippy::approx_constant)]
    pub fn forward(&self, input_ids: Tensor<2, Int>) -> Tensor<2> {
        let constant1_out1 = self.constant1.val();
        let constant26_out1 = self.constant26.val();
        let constant27_out1 = self.constant27.val();
        let constant42_out1 = self.constant42.val();
        let constant46_out1 = self.constant46.val();
        let constant47_out1 = self.constant47.val();
        let reshape1_out1 = input_ids.reshape([-1, 9]);
        let gather1_out1 = {
            let axis_size = constant1_out1.dims()[0] as i64;
            let negative = reshape1_out1.clone().clone().lower_elem(0i64);
            let corrected = reshape1_out1.clone().clone() + axis_size;
            let indices = reshape1_out1.clone().mask_where(negative, corrected);
            constant1_out1.take::<2, 3>(0, indices)
        };
        let add1_out1 = gather1_out1.add(constant26_out1);
        let layernormalization1_out1 = {
            let dtype = add1_out1.clone().dtype();
            self.layernormalization1
                .forward(add1_out1.clone().cast(burn::tensor::DType::F32))
                .cast(dtype)
        };
        let linear1_out1 = self.linear1.forward(layernormalization1_out1.clone());
        let linear2_out1 = self.linear2.forward(layernormalization1_out1.clone());
        let linear3_out1 = self.linear3.forward(layernormalization1_out1);
        let reshape2_out1 = linear1_out1.reshape([5, 9, -1, 20]);
        let transpose1_out1 = reshape2_out1.permute([0, 2, 1, 3]);
        let reshape3_out1 = linear2_out1.reshape([5, 9, -1, 20]);
        let reshape4_out1 = linear3_out1.reshape([5, 9, -1, 20]);
        let transpose2_out1 = reshape4_out1.permute([0, 2, 1, 3]);
        let transpose3_out1 = reshape3_out1.permute([0, 2, 3, 1]);
        let matmul4_out1 = transpose1_out1.matmul(transpose3_out1);
        let mul1_out1 = matmul4_out1
            .mul((constant46_out1.clone()).unsqueeze_dims(&[0isize, 1isize, 2isize]));
        let add2_out1 = mul1_out1.add(constant27_out1.clone());
        let softmax1_out1 = burn::tensor::activation::softmax(add2_out1, 3);
        let matmul5_out1 = softmax1_out1.matmul(transpose2_out1);
        let transpose4_out1 = matmul5_out1.permute([0, 2, 1, 3]);
        let reshape5_out1 = transpose4_out1.reshape([5, 9, -1]);
        let linear4_out1 = self.linear4.forward(reshape5_out1);
        let add3_out1 = add1_out1.add(linear4_out1);
        let layernormalization2_out1 = {
            let dtype = add3_out1.clone().dtype();
            self.layernormalization2
                .forward(add3_out1.clone().cast(burn::tensor::DType::F32))
                .cast(dtype)
        };
        let linear5_out1 = self.linear5.forward(layernormalization2_out1);
        let mul2_out1 = linear5_out1
            .clone()
            .mul((constant47_out1.clone()).unsqueeze_dims(&[0isize, 1isize]));
        let sigmoid1_out1 = burn::tensor::activation::sigmoid(mul2_out1);
        let mul3_out1 = linear5_out1.mul(sigmoid1_out1);
        let linear6_out1 = self.linear6.forward(mul3_out1);
        let add4_out1 = add3_out1.add(linear6_out1);
        let layernormalization3_out1 = {
            let dtype = add4_out1.clone().dtype();
            self.layernormalization3
                .forward(add4_out1.clone().cast(burn::tensor::DType::F32))
                .cast(dtype)
        };
        let linear7_out1 = self.linear7.forward(layernormalization3_out1.clone());
        let linear8_out1 = self.linear8.forward(layernormalization3_out1.clone());
        let linear9_out1 = self.linear9.forward(layernormalization3_out1);
        let reshape6_out1 = linear7_out1.reshape([5, 9, -1, 20]);
        let transpose5_out1 = reshape6_out1.permute([0, 2, 1, 3]);
        let reshape7_out1 = linear8_out1.reshape([5, 9, -1, 20]);
        let reshape8_out1 = linear9_out1.reshape([5, 9, -1, 20]);
        let transpose6_out1 = reshape8_out1.permute([0, 2, 1, 3]);
        let transpose7_out1 = reshape7_out1.permute([0, 2, 3, 1]);
        let matmul12_out1 = transpose5_out1.matmul(transpose7_out1);
        let mul4_out1 = matmul12_out1
            .mul((constant46_out1).unsqueeze_dims(&[0isize, 1isize, 2isize]));
        let add5_out1 = mul4_out1.add(constant27_out1);
        let softmax2_out1 = burn::tensor::activation::softmax(add5_out1, 3);
        let matmul13_out1 = softmax2_out1.matmul(transpose6_out1);
        let transpose8_out1 = matmul13_out1.permute([0, 2, 1, 3]);
        let reshape9_out1 = transpose8_out1.reshape([5, 9, -1]);
        let linear10_out1 = self.linear10.forward(reshape9_out1);
        let add6_out1 = add4_out1.add(linear10_out1);
        let layernormalization4_out1 = {
            let dtype = add6_out1.clone().dtype();
            self.layernormalization4
                .forward(add6_out1.clone().cast(burn::tensor::DType::F32))
                .cast(dtype)
        };
        let linear11_out1 = self.linear11.forward(layernormalization4_out1);
        let mul5_out1 = linear11_out1
            .clone()
            .mul((constant47_out1).unsqueeze_dims(&[0isize, 1isize]));
        let sigmoid2_out1 = burn::tensor::activation::sigmoid(mul5_out1);
        let mul6_out1 = linear11_out1.mul(sigmoid2_out1);
        let linear12_out1 = self.linear12.forward(mul6_out1);
        let add7_out1 = add6_out1.add(linear12_out1);
        let layernormalization5_out1 = {
            let dtype = add7_out1.dtype();
            self.layernormalization5
                .forward(add7_out1.cast(burn::tensor::DType::F32))
                .cast(dtype)
        };
        let cast1_out1 = reshape1_out1.cast(burn::tensor::DType::I32);
        let argmax_result = cast1_out1.argmax(1);
        let argmax1_out1 = argmax_result
            .squeeze_dim::<1usize>(1)
            .cast(burn::tensor::DType::I64);
        let unsqueeze1_out1: Tensor<2, Int> = argmax1_out1.unsqueeze_dims::<2>(&[-1]);
        let concat1_out1 = burn::tensor::Tensor::cat(
            [constant42_out1, unsqueeze1_out1].into(),
            1,
        );
        let gathernd1_out1 = {
            let data_dims = layernormalization5_out1.dims();
            let indices_i64 = concat1_out1.cast(burn::tensor::DType::I64);
            let idx_dims = indices_i64.dims();
            let k = idx_dims[2 - 1];
            let mut dim_sizes: alloc::vec::Vec<i64> = alloc::vec::Vec::with_capacity(k);
            for i in 0..k {
                dim_sizes.push(data_dims[0 + i] as i64);
            }
            let mut bcast_shape = [1usize; 2];
            bcast_shape[2 - 1] = k;
            let dims_tensor = Tensor::<
                1,
                Int,
            >::from_data(
                    burn::tensor::TensorData::from(dim_sizes.as_slice()),
                    (&self.device, burn::tensor::DType::I64),
                )
                .reshape(bcast_shape);
            let negative = indices_i64.clone().lower_elem(0i64);
            let corrected = indices_i64.clone() + dims_tensor;
            let indices_norm = indices_i64.mask_where(negative, corrected);
            let aug_indices = indices_norm;
            layernormalization5_out1.gather_nd(aug_indices)
        };
        let linear13_out1 = self.linear13.forward(gathernd1_out1);
        let reducel21_out1 = {
            let input_dtype = linear13_out1.clone().dtype();
            linear13_out1
                .clone()
                .square()
                .sum_dim(1usize)
                .cast(burn::tensor::DType::F32)
                .sqrt()
                .cast(input_dtype)
        };
        let clip1_out1 = reducel21_out1.clamp_min(0.0000000000009999999960041972f64);
        let expand1_out1 = {
            let onnx_shape: [i64; 2usize] = [5, 24];
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
        let div1_out1 = linear13_out1.div(expand1_out1);
        div1_out1
    }
}

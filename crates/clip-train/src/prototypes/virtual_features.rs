//! Features of virtual images: where a class lies by its row of the classifier, and how real images
//! vary around the mean of theirs.

use burn::tensor::{Device, Tensor, TensorData};
use clip_data::Dataset;
use rand::{Rng, RngExt};

use super::Prototypes;
use crate::features::Features;
use crate::parameters::host;
use crate::{Error, Result};

/// Images whose residuals are multiplied in one product.
const CHUNK: usize = 2048;

/// What virtual features are drawn from.
#[derive(Debug)]
pub(crate) struct VirtualFeatures {
    /// The mean of the means of all names: `[W]`.
    mean: Vec<f32>,
    /// From there to each class: `[classes, W]`.
    offsets: Vec<f32>,
    /// The images whose differences from the mean of their name are drawn.
    images: Vec<RealImage>,
    /// The mean of each name: `[names, W]`.
    means: Vec<f32>,
}

/// A view of an image, and the place of the mean of its name.
#[derive(Debug, Clone, Copy)]
struct RealImage {
    row: usize,
    view: usize,
    name: usize,
}

impl VirtualFeatures {
    /// Places the classes. With the covariance `Σ` of images within a name, the difference of two class
    /// means is about `Σ (w − w′)` for rows `w` of a linear classifier (as in linear discriminant
    /// analysis, whose rows are `Σ⁻¹ μ`); the length is that of the means of real names.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] where no name has images enough.
    pub(crate) fn new(
        prototypes: &Prototypes,
        features: &Features,
        dataset: &Dataset,
        device: &Device,
    ) -> Result<Self> {
        let (width, classes) = (features.width(), prototypes.len());
        let (images, means) = residuals(prototypes, features, dataset)?;
        let names = means.len() / width;
        let mut mean = vec![0.0; width];
        for row in means.chunks_exact(width) {
            mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += value / names as f32);
        }
        let distance = |row: &[f32]| {
            let squares = row.iter().zip(&mean).map(|(value, mean)| (value - mean).powi(2));
            squares.sum::<f32>().sqrt()
        };
        let length = means.chunks_exact(width).map(distance).sum::<f32>() / names as f32;

        let mut own = Self { mean, offsets: Vec::new(), images, means };
        let covariance = own.covariance(features, device);
        let weight = TensorData::new(prototypes.weight.clone(), [width, classes]);
        let rows = Tensor::<2>::from_data(weight, device).transpose();
        let rows = rows.clone() - rows.mean_dim(0);
        let offsets = clip_projection::normalize(rows.matmul(covariance)) * length;
        own.offsets = host(offsets.flatten(0, 1));
        Ok(own)
    }

    /// The covariance of images within their names: `[W, W]`, up to a factor.
    fn covariance(&self, features: &Features, device: &Device) -> Tensor<2> {
        let width = features.width();
        let zeros = Tensor::zeros([width, width], device);
        self.images.chunks(CHUNK).fold(zeros, |sum, images| {
            let mut values = Vec::with_capacity(images.len() * width);
            for image in images {
                values.extend(self.residual(features, *image));
            }
            let data = TensorData::new(values, [images.len(), width]);
            let residuals = Tensor::<2>::from_data(data, device);
            sum + residuals.clone().transpose().matmul(residuals) / self.images.len() as f64
        })
    }

    /// An image's difference from the mean of its name.
    fn residual(
        &self,
        features: &Features,
        RealImage { row, view, name }: RealImage,
    ) -> impl Iterator<Item = f32> {
        let width = features.width();
        let mean = &self.means[name * width..][..width];
        features.row(row, view).into_iter().zip(mean).map(|(value, mean)| value - mean)
    }

    /// Adds the features of a virtual image of a class to `out`: the class, drawn a little to the mean
    /// of all, some of another class, and the residual of a real image; as features behind a ReLU, not
    /// below 0.
    pub(crate) fn extend<R: Rng>(
        &self,
        out: &mut Vec<f32>,
        prototypes: &Prototypes,
        features: &Features,
        class: usize,
        random: &mut R,
    ) {
        let (width, config) = (features.width(), prototypes.config());
        let other = random.random_range(0..prototypes.len());
        let image = self.images[random.random_range(0..self.images.len())];
        let [shrink, mix, scale] = std::array::from_fn(|_| random.random::<f64>());
        let [least, most] = config.residual_scale;
        let own = (1.0 - config.shrink * shrink) as f32;
        let others = (config.mix * mix) as f32;
        let scale = (least + (most - least) * scale) as f32;
        let offset = |class: usize| &self.offsets[class * width..][..width];
        let offsets = offset(class).iter().zip(offset(other));
        let residual = self.residual(features, image);
        let values = self.mean.iter().zip(offsets).zip(residual);
        out.extend(values.map(|((mean, (offset, other)), residual)| {
            (mean + own * offset + others * other + scale * residual).max(0.0)
        }));
    }

    /// Some images in use's view whose residuals are drawn, for statistics.
    pub(super) fn plain_rows(&self) -> impl Iterator<Item = usize> {
        self.images.iter().filter(|image| image.view == 0).map(|image| image.row)
    }
}

/// The images in all views whose names have enough of them, and the means of these names.
fn residuals(
    prototypes: &Prototypes,
    features: &Features,
    dataset: &Dataset,
) -> Result<(Vec<RealImage>, Vec<f32>)> {
    let (config, width) = (prototypes.config(), features.width());
    let skipped = features.skipped();
    let counts_for = |row: &usize| {
        let kind = dataset.sample(*row).kind;
        (config.kinds.is_empty() || config.kinds.contains(&kind)) && !skipped.contains_key(row)
    };
    let rows: Vec<usize> = (0..dataset.len()).filter(counts_for).collect();
    let mut of_names = vec![Vec::new(); dataset.names().len()];
    for row in rows {
        of_names[dataset.group(row) as usize].push(row);
    }
    of_names.retain(|rows| rows.len() >= config.min_images.max(1));
    if of_names.is_empty() {
        let reason = format!(
            "no name has the {} images that `prototypes.min_images` asks for of the kinds {:?}: ask for fewer",
            config.min_images, config.kinds
        );
        return Err(Error::Config { file: "[prototypes]".to_owned(), reason });
    }
    let (mut images, mut means) = (Vec::new(), Vec::new());
    for (name, rows) in of_names.into_iter().enumerate() {
        let count = (rows.len() * features.views()) as f32;
        let mut mean = vec![0.0; width];
        for row in rows {
            for view in 0..features.views() {
                images.push(RealImage { row, view, name });
                let values = features.row(row, view);
                mean.iter_mut().zip(values).for_each(|(sum, value)| *sum += value / count);
            }
        }
        means.extend(mean);
    }
    Ok((images, means))
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use std::fs;

    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;

    use super::*;
    use crate::PrototypeConfig;
    use crate::prototypes::Class;

    const WIDTH: usize = 3;

    /// Three names, the images of each around a mean far from 0, spread unequally along the axes.
    fn fixture(folder: &std::path::Path) -> (Dataset, Features) {
        let mut table = String::from("file\tname\tkind\n");
        let mut values = Vec::new();
        let means = [[20.0, 30.0, 40.0], [24.0, 30.0, 40.0], [22.0, 36.0, 40.0]];
        for (name, mean) in means.iter().enumerate() {
            for image in 0..40 {
                let file = format!("{name}-{image}.png");
                fs::write(folder.join(&file), "").unwrap();
                table += &format!("{file}\tname {name}\tphoto\n");
                let turn = image as f32 * std::f32::consts::TAU / 40.0;
                let residual = [2.0 * turn.sin(), turn.cos(), 0.5 * (3.0 * turn).sin()];
                values.extend(mean.iter().zip(residual).map(|(mean, residual)| mean + residual));
            }
        }
        fs::write(folder.join("captions.tsv"), table).unwrap();
        let dataset = Dataset::open(&[folder.to_path_buf()]).unwrap();
        (dataset, Features::of_view(WIDTH, &values))
    }

    fn prototypes(config: PrototypeConfig) -> Prototypes {
        let class = || Class {
            words: vec![0],
            hypernyms: Vec::new(),
            weights: Vec::new(),
            cumulative: Vec::new(),
        };
        // Rows (1, 1, 0), (−1, 0, 1) and (0, −1, −1), whose mean is 0.
        let weight = vec![1.0, -1.0, 0.0, 1.0, 0.0, -1.0, 0.0, 1.0, -1.0];
        Prototypes {
            config,
            classes: (0..3).map(|_| class()).collect(),
            weight,
            bias: vec![0.0; 3],
        }
    }

    fn mean_of_draws(config: PrototypeConfig, class: usize) -> Vec<f32> {
        let folder = tempfile::tempdir().unwrap();
        let (dataset, features) = fixture(folder.path());
        let prototypes = prototypes(config);
        let images =
            VirtualFeatures::new(&prototypes, &features, &dataset, &Device::flex()).unwrap();
        let mut random = Pcg64Mcg::seed_from_u64(1);
        let mut values = Vec::new();
        const DRAWS: usize = 20_000;
        for _ in 0..DRAWS {
            images.extend(&mut values, &prototypes, &features, class, &mut random);
        }
        let sums = values.chunks(WIDTH).fold(vec![0.0; WIDTH], |sum: Vec<f64>, row| {
            sum.iter().zip(row).map(|(sum, value)| sum + f64::from(*value)).collect()
        });
        sums.into_iter().map(|sum| (sum / DRAWS as f64) as f32).collect()
    }

    /// Variances of 2, 1/2 and 1/8 turn the row (1, 1, 0) to (2, 1/2, 0); names are 2.828, 2.828 and 4
    /// from their mean.
    #[test]
    fn draws_lie_around_their_class() {
        let exact = PrototypeConfig { shrink: 0.0, mix: 0.0, ..PrototypeConfig::default() };
        let length = (2.0 * 8f32.sqrt() + 4.0) / 3.0;
        let scale = length / (4.25f32).sqrt();
        let expected = [22.0 + 2.0 * scale, 32.0 + 0.5 * scale, 40.0];
        clip_testkit::assert_close("exact", &mean_of_draws(exact, 0), &expected, 0.05);
        // On average a quarter of the way back.
        let shrunk = PrototypeConfig { shrink: 0.5, mix: 0.0, ..PrototypeConfig::default() };
        let expected = [22.0 + 1.5 * scale, 32.0 + 0.375 * scale, 40.0];
        clip_testkit::assert_close("shrunk", &mean_of_draws(shrunk, 0), &expected, 0.05);
    }
}

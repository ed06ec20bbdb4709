//! The whole state of a run in one file, so that it goes on as if it had never stopped.
//!
//! A safetensors file: every parameter (`value.NAME`), the optimizer's moments (`first.NAME`,
//! `second.NAME`) and the average (`average.NAME`) in f32, and in the header's metadata where the
//! run is. Chances need no state: they follow from the seed, the epoch and the row.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use serde::{Deserialize, Serialize};

use crate::average::Average;
use crate::parameters::{self, About, Named, host};
use crate::{AdamW, Error, Result, TrainConfig};

/// Key of [`Progress`] in the header's metadata.
const PROGRESS: &str = "clip_train_progress";

/// Where a run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Epochs that are over.
    pub epoch: u64,
    /// Steps taken in the current epoch.
    pub step_in_epoch: u64,
    /// Steps of the schedule that are over.
    pub step: u64,
    /// Updates among them; a step whose rows could not be read is none.
    pub updates: u64,
    /// Rows that could not be read so far.
    pub skipped: u64,
    /// The score of the best validation so far.
    pub best: Option<f64>,
    /// The settings of the run, to notice a resume with others.
    pub config: TrainConfig,
}

/// Everything a run needs to go on.
#[derive(Debug)]
pub struct State {
    /// Where it is.
    pub progress: Progress,
    /// Parameters by name.
    pub values: Named,
    /// The optimizer's moments by name.
    pub moments: BTreeMap<String, [Tensor<1>; 2]>,
    /// The average of the weights by name; empty where there is none.
    pub average: Named,
}

impl Progress {
    /// The start of a run.
    pub(crate) fn new(config: TrainConfig) -> Self {
        let (epoch, step_in_epoch, step, updates, skipped, best) = (0, 0, 0, 0, 0, None);
        Self { epoch, step_in_epoch, step, updates, skipped, best, config }
    }
}

impl State {
    /// The state of a run between two steps.
    pub(crate) fn of<M: Module>(
        progress: Progress,
        module: &M,
        optimizer: &AdamW,
        average: &Average,
    ) -> Self {
        let moments = optimizer.moments().map(|(name, both)| (name.to_owned(), both.clone()));
        Self {
            progress,
            values: parameters::values(module),
            moments: moments.collect(),
            average: average.values().clone(),
        }
    }

    /// Puts parameters, moments and average where they were, and says where the run was. `path` names
    /// the file in errors.
    pub(crate) fn restore<M: Module>(
        self,
        path: &Path,
        module: M,
        optimizer: &mut AdamW,
        average: &mut Average,
    ) -> Result<(M, Progress)> {
        let mut values = self.values;
        if !parameters::values(&module).keys().eq(values.keys()) {
            let reason = "its parameters are those of another model".to_owned();
            return Err(Error::BadState { path: path.to_owned(), reason });
        }
        let restored =
            |about: About<'_>, _: Tensor<1>| values.remove(about.name).expect("compared above");
        let module = parameters::update(module, |_| true, restored);
        *optimizer = optimizer.clone().restored(self.moments, self.progress.updates);
        average.restore(self.average);
        Ok((module, self.progress))
    }

    /// Writes the file beside its place and renames it when it is whole and on the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Save`] where the disk fails; an older file is then still there.
    pub fn save(&self, path: &Path) -> Result<()> {
        let failed = |source| Error::Save { path: path.to_owned(), source };
        let mut tensors: Vec<(String, Vec<u8>)> = Vec::new();
        let mut put = |kind: &str, name: &str, tensor: &Tensor<1>| {
            let bytes = host(tensor.clone()).into_iter().flat_map(f32::to_le_bytes).collect();
            tensors.push((format!("{kind}.{name}"), bytes));
        };
        self.values.iter().for_each(|(name, tensor)| put("value", name, tensor));
        self.average.iter().for_each(|(name, tensor)| put("average", name, tensor));
        for (name, [first, second]) in &self.moments {
            put("first", name, first);
            put("second", name, second);
        }
        let views = tensors.iter().map(|(name, bytes)| {
            let view = TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes);
            (name.as_str(), view.expect("whole numbers of 4 bytes"))
        });
        let json = serde_json::to_string(&self.progress).expect("settings have a JSON form");
        let metadata = HashMap::from([(PROGRESS.to_owned(), json)]);
        let bytes = serialize(views, Some(metadata))
            .map_err(|error| failed(std::io::Error::other(error.to_string())))?;
        clip_checkpoint::replace(path, failed, |file| file.write_all(&bytes).map_err(failed))
    }

    /// Reads a file that [`Self::save`] wrote, onto a device.
    ///
    /// # Errors
    ///
    /// [`Error::BadState`] where the file is missing, damaged or of another kind.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        let bad = |reason: String| Error::BadState { path: path.to_owned(), reason };
        let bytes = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
        let (_, header) =
            SafeTensors::read_metadata(&bytes).map_err(|error| bad(error.to_string()))?;
        let json = header.metadata().as_ref().and_then(|metadata| metadata.get(PROGRESS));
        let json = json.ok_or_else(|| bad("it is not the state of a run".to_owned()))?;
        let progress = serde_json::from_str(json).map_err(|error| bad(error.to_string()))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| bad(error.to_string()))?;
        let (mut values, mut average) = (Named::new(), Named::new());
        let (mut first, mut second) = (Named::new(), Named::new());
        for (name, view) in file.iter() {
            let numbers = view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
            let numbers: Vec<f32> = numbers.collect();
            let length = numbers.len();
            let tensor = Tensor::from_data(TensorData::new(numbers, [length]), device);
            let (kind, name) = name.split_once('.').unwrap_or((name, ""));
            let map = match kind {
                "value" => &mut values,
                "average" => &mut average,
                "first" => &mut first,
                "second" => &mut second,
                _ => return Err(bad(format!("it holds an unknown tensor {kind}.{name}"))),
            };
            map.insert(name.to_owned(), tensor);
        }
        let pair = |(name, first)| Some((String::clone(&name), [first, second.remove(&name)?]));
        let moments = first.into_iter().filter_map(pair).collect();
        Ok(Self { progress, values, moments, average })
    }
}

/// The first setting in which two configurations differ.
pub(crate) fn changed_setting(before: &TrainConfig, now: &TrainConfig) -> Option<String> {
    let table = |config| serde_json::to_value(config).unwrap_or_default();
    let (before, now) = (table(before), table(now));
    let keys = before.as_object()?.keys().chain(now.as_object()?.keys());
    let mut changed = keys.filter(|key| before.get(key) != now.get(key));
    changed.next().cloned()
}

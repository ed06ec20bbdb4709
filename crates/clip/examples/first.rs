//! The README's program: which of two drawings is a dog?
#![expect(clippy::print_stdout, reason = "an example shows its answer")]

use clip::{DeviceName, Embedder};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clip = Embedder::embedded(&DeviceName::Auto.open()?)?;
    let question = clip.text("a picture of a dog")?;
    for file in ["samples/fx-dog.png", "samples/fx-car.png"] {
        println!("{:.3}  {file}", question.similarity(&clip.file(file.as_ref())?));
    }
    Ok(())
}

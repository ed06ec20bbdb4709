//! Loss and validation of a run, drawn as SVG.

use std::path::Path;

use plotters::prelude::*;

use crate::Error;
use crate::metrics::Record;

const SIZE: (u32, u32) = (960, 640);

/// Draws a run into a file.
pub(crate) fn write(records: &[Record], path: &Path) -> crate::Result<()> {
    let failed = |source| Error::Save { path: path.to_owned(), source };
    std::fs::write(path, draw(records)).map_err(failed)
}

/// Draws what there is; a run without validation has an empty lower half.
fn draw(records: &[Record]) -> String {
    let mut svg = String::new();
    // Drawing into a string fails only for ranges that cannot be, which are avoided below.
    let _ = draw_into(&mut svg, records);
    svg
}

fn draw_into(svg: &mut String, records: &[Record]) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let (upper, lower) = area.split_vertically(SIZE.1 / 2);
    let last = records.iter().map(Record::number).max().unwrap_or(1).max(1);
    let losses: Vec<(u64, f64)> = records
        .iter()
        .filter_map(|record| match record {
            Record::Step { step, loss, .. } => Some((*step, f64::from(*loss))),
            _ => None,
        })
        .collect();
    let top = losses.iter().map(|(_, loss)| *loss).fold(0.0, f64::max).max(1e-6);
    let mut chart = ChartBuilder::on(&upper)
        .caption("loss", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(24)
        .y_label_area_size(48)
        .build_cartesian_2d(0..last, 0.0..top * 1.05)?;
    chart.configure_mesh().light_line_style(WHITE).draw()?;
    chart.draw_series(LineSeries::new(losses, &BLUE))?;

    let mut chart = ChartBuilder::on(&lower)
        .caption("recall on the validation set", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(24)
        .y_label_area_size(48)
        .build_cartesian_2d(0..last, 0.0..1.0)?;
    chart.configure_mesh().light_line_style(WHITE).x_desc("step").draw()?;
    for (label, color, points) in recalls(records) {
        chart
            .draw_series(LineSeries::new(points, &color))?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .draw()?;
    area.present()?;
    Ok(())
}

/// Label, color and points.
type Line = (&'static str, RGBColor, Vec<(u64, f64)>);

/// The lines of the recalls.
fn recalls(records: &[Record]) -> [Line; 4] {
    let lines: [(&str, usize, bool, RGBColor); 4] = [
        ("text to image @1", 0, true, BLUE),
        ("text to image @5", 1, true, CYAN),
        ("image to text @1", 0, false, RED),
        ("image to text @5", 1, false, MAGENTA),
    ];
    lines.map(|(label, k, by_text, color)| {
        let points = records.iter().filter_map(|record| match record {
            Record::Validation { step, validation, .. } => {
                let recalls =
                    if by_text { validation.text_to_image } else { validation.image_to_text };
                Some((*step, recalls[k]))
            }
            _ => None,
        });
        (label, color, points.collect())
    })
}

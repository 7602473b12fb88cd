//! The two kinds of charts: bars over names, and areas over time.

use plotters::{
    chart::{ChartBuilder, SeriesLabelPosition},
    coord::ranged1d::{IntoSegmentedCoord as _, SegmentValue},
    drawing::IntoDrawingArea as _,
    element::Rectangle,
    prelude::SVGBackend,
    series::AreaSeries,
    style::{Color as _, IntoFont as _, RGBColor, TextStyle},
};

use crate::{
    ReportError,
    style::{FIRST, GRID, INK, SECOND, named},
};

const WIDTH: u32 = 820;
const HEIGHT: u32 = 300;
/// Space around a chart.
const MARGIN: u32 = 8;
/// Space for the numbers at its side.
const Y_LABELS: u32 = 64;
/// The fewest places of a chart: the library draws a single one without width. Missing ones are
/// empty.
const FEWEST: usize = 2;
/// The largest number of names below a chart that don't overlap.
const NAMES: usize = 24;

/// A chart that isn't drawn yet, and its description.
#[derive(Debug, Default)]
pub(crate) struct Chart {
    pub name: &'static str,
    /// Its heading: a question.
    pub title: &'static str,
    /// Its description, in one sentence.
    pub says: &'static str,
    /// The names of its tables.
    pub tables: &'static [&'static str],
    /// The unit of the height.
    pub unit: &'static str,
    /// One label per place.
    pub labels: Vec<String>,
    /// One or two, by name; the second is drawn over the first.
    pub series: Vec<(&'static str, Vec<f64>)>,
    /// Areas over time, for more places than bars could show.
    pub areas: bool,
}

impl Chart {
    fn highest(&self) -> f64 {
        let values = self.series.iter().flat_map(|(_, values)| values);
        // Some space above the highest; and a chart without values has a height, too.
        values.copied().fold(0.0, f64::max).max(1.0) * 1.08
    }

    #[allow(clippy::needless_pass_by_value)] // whatever says it ends here
    fn failed(&self, why: impl ToString) -> ReportError {
        ReportError {
            name: self.name,
            why: why.to_string(),
        }
    }

    /// Space at both sides of a bar; more for the second, which is drawn over the first.
    fn margin(&self, number: usize) -> u32 {
        let places = u32::try_from(self.labels.len().max(FEWEST)).unwrap_or(u32::MAX);
        let width = (WIDTH - Y_LABELS - 2 * MARGIN) / places;
        let margin = if number == 0 { 4 } else { 9 };
        // At most a third, or narrow bars would disappear.
        margin.min(width / 3)
    }

    fn color(&self, number: usize) -> RGBColor {
        // The last is the strongest.
        if number + 1 == self.series.len() {
            SECOND
        } else {
            FIRST
        }
    }

    /// Draws bars over names, or areas.
    pub fn draw(&self) -> Result<String, ReportError> {
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
            let text = |size: i32| TextStyle::from(("sans-serif", size).into_font()).color(&INK);
            let count = self.labels.len().max(FEWEST);
            let label = |place: usize| self.labels.get(place).cloned().unwrap_or_default();
            let mut builder = ChartBuilder::on(&root);
            builder
                .margin(MARGIN)
                .x_label_area_size(28)
                .y_label_area_size(Y_LABELS);
            // The library's ranges have different types, so the drawing code is a macro.
            macro_rules! mesh {
                ($chart:ident, $format:expr, $labels:expr) => {
                    $chart
                        .configure_mesh()
                        .disable_x_mesh()
                        .light_line_style(GRID.mix(0.0))
                        .bold_line_style(GRID)
                        .axis_style(GRID)
                        .label_style(text(13))
                        .axis_desc_style(text(13))
                        .y_desc(self.unit)
                        .x_labels($labels)
                        .y_labels(6)
                        .x_label_formatter(&$format)
                        .y_label_formatter(&|value| whole(*value))
                        .draw()
                        .map_err(|error| self.failed(error))?;
                };
            }
            macro_rules! legend {
                ($chart:ident) => {
                    if self.series.len() > 1 {
                        $chart
                            .configure_series_labels()
                            .position(SeriesLabelPosition::UpperRight)
                            .label_font(text(13))
                            .border_style(GRID.mix(0.0))
                            .draw()
                            .map_err(|error| self.failed(error))?;
                    }
                };
            }
            let key = |color: RGBColor| {
                move |(x, y): (i32, i32)| {
                    Rectangle::new([(x, y - 5), (x + 12, y + 5)], color.filled())
                }
            };
            if self.areas {
                let last = i32::try_from(count).unwrap_or(i32::MAX).max(2) - 1;
                let mut chart = builder
                    .build_cartesian_2d(0..last, 0.0..self.highest())
                    .map_err(|error| self.failed(error))?;
                let format = |place: &i32| label(usize::try_from(*place).unwrap_or(0));
                mesh!(chart, format, 8);
                for (number, (name, values)) in self.series.iter().enumerate() {
                    let color = self.color(number);
                    let points = (0..).zip(values.iter().copied());
                    let area = AreaSeries::new(points, 0.0, color.mix(0.5)).border_style(color);
                    chart
                        .draw_series(area)
                        .map_err(|error| self.failed(error))?
                        .label(*name)
                        .legend(key(color));
                }
                legend!(chart);
            } else {
                let mut chart = builder
                    .build_cartesian_2d((0..count - 1).into_segmented(), 0.0..self.highest())
                    .map_err(|error| self.failed(error))?;
                let format = |place: &SegmentValue<usize>| match place {
                    SegmentValue::CenterOf(place) | SegmentValue::Exact(place) => label(*place),
                    SegmentValue::Last => String::new(),
                };
                mesh!(chart, format, if count > NAMES { 8 } else { count });
                for (number, (name, values)) in self.series.iter().enumerate() {
                    let color = self.color(number);
                    // Not the library's histogram: it draws in the order of a hash map, so the same
                    // figures would result in different bytes each time.
                    let margin = self.margin(number);
                    let bars = values.iter().enumerate().map(|(place, value)| {
                        let (left, right) =
                            (SegmentValue::Exact(place), SegmentValue::Exact(place + 1));
                        let corners = [(left, 0.0), (right, *value)];
                        let mut bar = Rectangle::new(corners, color.filled());
                        bar.set_margin(0, 0, margin, margin);
                        bar
                    });
                    chart
                        .draw_series(bars)
                        .map_err(|error| self.failed(error))?
                        .label(*name)
                        .legend(key(color));
                }
                legend!(chart);
            }
            root.present().map_err(|error| self.failed(error))?;
        }
        Ok(named(&svg))
    }
}

/// A label of an axis. There are no halves of tickets: between whole steps it is empty.
fn whole(value: f64) -> String {
    if (value - value.round()).abs() > 1e-6 {
        return String::new();
    }
    thousands(&format!("{value:.0}"))
}

/// A whole number with separated thousands.
pub(crate) fn thousands(digits: &str) -> String {
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        let shown = [0.0, 0.5, 999.0, 1_000.0, 1_234_567.0].map(whole);
        assert_eq!(shown, ["0", "", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn plots_are_deterministic() {
        let drawn = || {
            let chart = Chart {
                name: "squares",
                unit: "tickets",
                labels: (0..40).map(|n| n.to_string()).collect(),
                series: vec![("sold", (0..40).map(|n| f64::from(n * n)).collect())],
                ..Chart::default()
            };
            chart.draw().unwrap()
        };
        assert!(drawn() == drawn());
    }

    #[test]
    fn a_bar_has_no_negative_width() {
        for places in [1, 30, 62, 400] {
            let chart = Chart {
                name: "many",
                unit: "tickets",
                labels: vec![String::new(); places],
                series: vec![("sold", vec![1.0; places])],
                ..Chart::default()
            };
            assert!(!chart.draw().unwrap().contains("width=\"-"), "{places}");
        }
    }

    #[test]
    fn an_empty_plot_can_be_drawn() {
        let chart = Chart {
            name: "nothing",
            unit: "tickets",
            labels: Vec::new(),
            series: vec![("sold", Vec::new())],
            ..Chart::default()
        };
        assert!(chart.draw().unwrap().ends_with("</svg>\n"));
        let areas = Chart {
            areas: true,
            ..chart
        };
        assert!(areas.draw().unwrap().contains("tickets"));
    }
}

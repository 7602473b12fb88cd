//! Colors: names in the charts, values in a style sheet, so that light and dark differ in one
//! place.

use plotters::style::RGBColor;

/// Placeholder colors that are never shown: [`named`] replaces them with names.
pub(crate) const INK: RGBColor = RGBColor(1, 2, 3);
pub(crate) const GRID: RGBColor = RGBColor(4, 5, 6);
pub(crate) const FIRST: RGBColor = RGBColor(7, 8, 9);
pub(crate) const SECOND: RGBColor = RGBColor(10, 11, 12);

const NAMES: [(&str, &str); 4] = [
    ("\"#010203\"", "\"var(--ink)\""),
    ("\"#040506\"", "\"var(--grid)\""),
    ("\"#070809\"", "\"var(--first)\""),
    ("\"#0A0B0C\"", "\"var(--second)\""),
];

/// The values of the colors. Each has a contrast of at least 3 to its background, text of 7.
pub(crate) const VALUES: &str = "\
:root{--paper:#fff;--ink:#1c2430;--grid:#d5dae2;--first:#a9c2e8;--second:#1f5fbf}\
@media(prefers-color-scheme:dark){:root{--paper:#14181f;--ink:#e6eaf0;--grid:#39414d;\
--first:#48648f;--second:#8ab4f8}}\
@media print{:root{--paper:#fff;--ink:#000;--grid:#ccc;--first:#bbb;--second:#444}}";

/// Replaces colors with names.
pub(crate) fn named(svg: &str) -> String {
    let mut text = svg.to_owned();
    for (color, name) in NAMES {
        text = text.replace(color, name);
    }
    text
}

//! Draws the results of folds.
//!
//! [`page`] renders one HTML page from the tables of the built-in folds: each with a plot (SVG,
//! drawn by `plotters`) and the figures behind it. The page needs no script and no network;
//! it follows the reader's choice of light or dark, and it can be printed. [`pictures`] returns the
//! plots alone, as files.
//!
//! A page depends on the tables alone, so the same range of the log gives the same bytes.
#![deny(missing_docs)]

mod charts;
mod draw;
mod html;
mod style;
mod timeline;

pub use charts::{Picture, pictures};
pub use html::{ReportHeader, page};

/// A chart could not be drawn: a defect.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the plot {name} can't be drawn: {why}")]
pub struct ReportError {
    /// Its name.
    pub name: &'static str,
    /// The library's error.
    pub why: String,
}

//! The questions that are asked often.

mod sales;

pub use sales::Sales;

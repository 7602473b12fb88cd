//! The questions that are asked often.

mod sales;

pub use sales::Sales;

use crate::Fold;

/// A built-in fold.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// Its name on the command line.
    pub name: &'static str,
    /// The question that it answers.
    pub doc: &'static str,
    make: fn() -> Box<dyn Fold>,
}

impl Builtin {
    /// The fold of this name.
    pub fn named(name: &str) -> Option<Self> {
        BUILTIN.iter().find(|fold| fold.name == name).copied()
    }

    /// Makes one that has seen nothing yet.
    pub fn start(&self) -> Box<dyn Fold> {
        (self.make)()
    }
}

macro_rules! builtin {
    ($($name:literal $fold:ident $doc:literal,)*) => {
        /// All of them.
        pub const BUILTIN: &[Builtin] = &[$(Builtin {
            name: $name,
            doc: $doc,
            make: || Box::<$fold>::default(),
        }),*];
    };
}

builtin! {
    "sales" Sales "What sold in each hour and on each day, and what it brought in",
}

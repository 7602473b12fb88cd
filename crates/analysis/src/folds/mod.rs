//! The built-in folds. Each has typed figures, from which its tables derive.

mod concurrent_holds;
mod conflicts;
mod funnel;
mod holds;
mod prices;
mod sales;
mod sellers;
mod set;
mod shared;
mod time_to_sale;

pub use concurrent_holds::{ConcurrencyFigures, ConcurrentHolds};
pub use conflicts::{ConflictFigures, Conflicts, ConflictsOnDay};
pub use funnel::{Funnel, FunnelFigures, order_stages};
pub use holds::{Holds, hold_outcomes};
pub use prices::Prices;
pub use sales::{Sales, SalesFigures};
pub use sellers::{SellerFigures, Sellers};
pub use set::{AllFigures, AllFolds, MarketFigures, MarketFolds};
pub(crate) use shared::UNDO_PERIOD;
pub use time_to_sale::TimeToSale;

use crate::{Fold, Table};

/// The figures of a fold.
pub trait Figures {
    /// Returns the figures as tables.
    fn tables(&self) -> Vec<Table>;
}

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
    /// Returns the fold of this name.
    pub fn named(name: &str) -> Option<Self> {
        BUILTIN.iter().find(|fold| fold.name == name).copied()
    }

    /// Creates one that has seen no event yet.
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
    "prices" Prices "How prices are distributed, at the listing and at the sale",
    "funnel" Funnel "How far tickets and orders get: listed, held, paid, expired, cancelled",
    "time-to-sale" TimeToSale "How long tickets take to sell",
    "holds" Holds "How holds end, and how long they last",
    "sellers" Sellers "What each seller lists and sells",
    "concurrency" ConcurrentHolds "How many tickets are held at once, over time",
    "conflicts" Conflicts "What was tried again, and what came too late",
}

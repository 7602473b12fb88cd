//! The names of read models on the command line.

use ::projections::Projection;
use clap::{
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
    error::ErrorKind,
};
use eventstore::StreamName;
use read_models::{
    orders::OrdersProjection, payable_orders::PayableOrdersProjection, tickets::TicketsProjection,
};
use std::ffi::OsStr;

/// A read model.
#[derive(Clone, Copy, Debug)]
pub(super) enum ProjectionName {
    Tickets,
    Orders,
    PayableOrders,
}

/// The names as `ls` prints them, and in their other forms: with the version, as in collections and
/// metrics, and with a hyphen.
#[derive(Clone)]
pub(super) struct Names;

impl TypedValueParser for Names {
    type Value = ProjectionName;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<ProjectionName, clap::Error> {
        let text = value.to_string_lossy().to_lowercase().replace('-', "_");
        let mut all = ProjectionName::ALL.into_iter();
        match all.find(|name| name.words().0 == text || name.key() == text) {
            Some(name) => Ok(name),
            // Its error lists the names.
            None => PossibleValuesParser::new(spellings())
                .parse_ref(command, arg, value)
                .and(Err(
                    clap::Error::new(ErrorKind::InvalidValue).with_cmd(command)
                )),
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(spellings()))
    }
}

fn spellings() -> impl Iterator<Item = PossibleValue> {
    ProjectionName::ALL.into_iter().map(|name| {
        let (spelled, help) = name.words();
        PossibleValue::new(spelled).help(help)
    })
}

impl ProjectionName {
    pub(super) const ALL: [Self; 3] = [Self::Tickets, Self::Orders, Self::PayableOrders];

    /// Its name, and its description.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Tickets => (
                TicketsProjection.name(),
                "What is for sale, and every ticket",
            ),
            Self::Orders => (OrdersProjection.name(), "Everybody's orders"),
            Self::PayableOrders => (
                PayableOrdersProjection.name(),
                "Where an order is, for the payments service",
            ),
        }
    }

    pub(super) fn version(self) -> u32 {
        match self {
            Self::Tickets => TicketsProjection.version(),
            Self::Orders => OrdersProjection.version(),
            Self::PayableOrders => PayableOrdersProjection.version(),
        }
    }

    pub(super) fn key(self) -> String {
        match self {
            Self::Tickets => TicketsProjection.key(),
            Self::Orders => OrdersProjection.key(),
            Self::PayableOrders => PayableOrdersProjection.key(),
        }
    }

    pub(super) fn streams(self) -> Vec<StreamName> {
        match self {
            Self::Tickets => TicketsProjection.streams(),
            Self::Orders => OrdersProjection.streams(),
            Self::PayableOrders => PayableOrdersProjection.streams(),
        }
    }
}

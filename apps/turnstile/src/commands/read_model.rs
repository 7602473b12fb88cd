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
#[derive(Clone, Debug)]
pub(super) struct ProjectionName {
    pub name: &'static str,
    description: &'static str,
    pub version: u32,
    /// The name with the version.
    pub key: String,
    pub streams: Vec<StreamName>,
}

impl ProjectionName {
    fn of(projection: &impl Projection, description: &'static str) -> Self {
        Self {
            name: projection.name(),
            description,
            version: projection.version(),
            key: projection.key(),
            streams: projection.streams(),
        }
    }

    pub(super) fn all() -> [Self; 3] {
        [
            Self::of(&TicketsProjection, "What is for sale, and every ticket"),
            Self::of(&OrdersProjection, "Everybody's orders"),
            Self::of(
                &PayableOrdersProjection,
                "Where an order is, for the payments service",
            ),
        ]
    }
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
        let mut all = ProjectionName::all().into_iter();
        match all.find(|model| model.name == text || model.key == text) {
            Some(model) => Ok(model),
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
    let all = ProjectionName::all().into_iter();
    all.map(|model| PossibleValue::new(model.name).help(model.description))
}

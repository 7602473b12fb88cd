//! The settings that read models need, whatever the address of the database requests.
//!
//! Checkpoints and leases are read by the process that takes over, so they are read from the
//! primary, and written to most members before they count. Documents set their own write concern.
//! An address can request less, and a driver complies: reads from a secondary would show less than
//! was acknowledged, and an unconfirmed checkpoint could get lost.

use mongodb::options::{
    Acknowledgment, ClientOptions, ReadConcernLevel, ReadPreference, SelectionCriteria,
    WriteConcern,
};

use crate::ReadError;

/// Sets what the address leaves open, and refuses what it must not request.
pub(super) fn settle(options: &mut ClientOptions) -> Result<(), ReadError> {
    match &options.selection_criteria {
        None | Some(SelectionCriteria::ReadPreference(ReadPreference::Primary)) => {}
        Some(SelectionCriteria::ReadPreference(other)) => {
            return refuse("readPreference", mode(other), "primary");
        }
        Some(_) => return refuse("readPreference", "of the caller's own", "primary"),
    }
    options.selection_criteria = Some(ReadPreference::Primary.into());
    if let Some(concern) = &options.write_concern {
        match &concern.w {
            None | Some(Acknowledgment::Majority) => {}
            Some(Acknowledgment::Nodes(nodes)) => {
                return refuse("w", &nodes.to_string(), "majority");
            }
            Some(Acknowledgment::Custom(name)) => return refuse("w", name, "majority"),
            Some(_) => return refuse("w", "unknown", "majority"),
        }
        if concern.journal == Some(false) {
            return refuse("journal", "false", "true");
        }
    }
    let given = options.write_concern.take();
    let mut concern = WriteConcern::majority();
    concern.journal = Some(true);
    concern.w_timeout = given.and_then(|given| given.w_timeout);
    options.write_concern = Some(concern);
    match options.read_concern.as_ref().map(|concern| &concern.level) {
        None | Some(ReadConcernLevel::Local | ReadConcernLevel::Majority) => Ok(()),
        Some(ReadConcernLevel::Available) => {
            refuse("readConcernLevel", "available", "local or majority")
        }
        Some(_) => refuse("readConcernLevel", "another", "local or majority"),
    }
}

/// The name of a mode other than primary, as in an address.
fn mode(preference: &ReadPreference) -> &'static str {
    match preference {
        ReadPreference::PrimaryPreferred { .. } => "primaryPreferred",
        ReadPreference::Secondary { .. } => "secondary",
        ReadPreference::SecondaryPreferred { .. } => "secondaryPreferred",
        ReadPreference::Nearest { .. } => "nearest",
        _ => "unknown",
    }
}

fn refuse(option: &str, found: &str, expected: &str) -> Result<(), ReadError> {
    Err(ReadError::Address(format!(
        "its option {option} is {found:?}; {expected} is expected, or no such option"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn settled(query: &str) -> Result<ClientOptions, ReadError> {
        let uri = format!("mongodb://127.0.0.1:27017/?replicaSet=rs0{query}");
        let mut options = ClientOptions::parse(uri).await?;
        settle(&mut options).map(|()| options)
    }

    #[tokio::test]
    async fn an_address_that_asks_for_less_is_refused_by_the_name_of_its_option() {
        for (query, why) in [
            (
                "&readPreference=secondaryPreferred",
                "readPreference is \"secondaryPreferred\"; primary",
            ),
            (
                "&readPreference=secondary",
                "readPreference is \"secondary\"; primary",
            ),
            (
                "&readPreference=primaryPreferred",
                "readPreference is \"primaryPreferred\"; primary",
            ),
            (
                "&readPreference=nearest",
                "readPreference is \"nearest\"; primary",
            ),
            ("&w=0", "w is \"0\"; majority"),
            ("&w=1", "w is \"1\"; majority"),
            ("&w=two-zones", "w is \"two-zones\"; majority"),
            ("&journal=false", "journal is \"false\"; true"),
            (
                "&readConcernLevel=available",
                "readConcernLevel is \"available\"; local or majority",
            ),
        ] {
            let refused = settled(query).await.unwrap_err().to_string();
            let expected = format!("its option {why} is expected, or no such option");
            assert_eq!(refused, expected);
        }
    }

    #[tokio::test]
    async fn an_address_with_weaker_guarantees_is_refused() {
        let uri = "mongodb://127.0.0.1:27017/?w=0";
        let refused = crate::MongoStore::connect(uri, "market").await.unwrap_err();
        assert!(matches!(refused, ReadError::Address(_)), "{refused}");
    }

    #[tokio::test]
    async fn every_other_address_gets_what_read_models_rest_on() {
        for query in [
            "",
            "&readPreference=primary&w=majority&journal=true&readConcernLevel=majority",
            "&wTimeoutMS=5000&retryWrites=true",
        ] {
            let options = settled(query).await.unwrap();
            let primary = SelectionCriteria::from(ReadPreference::Primary);
            assert_eq!(options.selection_criteria, Some(primary), "{query}");
            let concern = options.write_concern.unwrap();
            assert_eq!(concern.w, Some(Acknowledgment::Majority), "{query}");
            assert_eq!(concern.journal, Some(true), "{query}");
        }
    }
}

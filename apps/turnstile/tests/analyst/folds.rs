//! `turnstile replay`: the answers of every fold for the fixed season, to the byte.

use crate::support::{Season, tool};

const FOLDS: [&str; 8] = [
    "sales",
    "prices",
    "funnel",
    "time-to-sale",
    "holds",
    "sellers",
    "concurrency",
    "conflicts",
];

#[tokio::test]
async fn every_fold_answers_as_ever_and_the_same_each_time() {
    let season = Season::write().await;
    let url = season.archive.url();
    for fold in FOLDS {
        let first = tool(url, &["replay", fold]).await.well().stdout;
        let again = tool(url, &["replay", fold]).await.well().stdout;
        assert_eq!(first, again, "{fold}");
        insta::assert_snapshot!(format!("fold_{fold}"), first);
    }
}

#[tokio::test]
async fn a_range_limits_what_counts_and_not_what_is_known() {
    let season = Season::write().await;
    let url = season.archive.url();
    // From after the listing and the order of the one ticket that sold until after its sale.
    let range = [
        "--from",
        "2026-03-01T10:07:00Z",
        "--to",
        "2026-03-01T10:08:00Z",
    ];
    for fold in ["sales", "time-to-sale", "sellers", "holds"] {
        let args: Vec<_> = ["replay", fold].into_iter().chain(range).collect();
        let answer = tool(url, &args).await.well().stdout;
        insta::assert_snapshot!(format!("minute_of_the_sale_{fold}"), answer);
    }
    let nothing = ["replay", "sales", "--from", "2027-01-01"];
    assert_eq!(tool(url, &nothing).await.well().stdout, "");
}

#[tokio::test]
async fn a_range_may_be_one_of_sequences() {
    let season = Season::write().await;
    let args = ["replay", "sales", "--from", "1", "--to", "3"];
    let by_place = tool(season.archive.url(), &args).await.well();
    let args = [
        "replay",
        "sales",
        "--from",
        "2026-03-01",
        "--to",
        "2026-03-01T11:00:00Z",
    ];
    let by_time = tool(season.archive.url(), &args).await.well();
    assert_eq!(by_place.stdout, by_time.stdout);
    assert!(
        by_place.stdout.contains(r#""revenue":"20.00""#),
        "{}",
        by_place.stdout
    );
}

#[tokio::test]
async fn people_get_tables_with_names_and_units() {
    let season = Season::write().await;
    let args = ["replay", "holds", "--table"];
    let table = tool(season.archive.url(), &args).await.well().stdout;
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn every_fold_and_every_column_is_explained() {
    let season = Season::write().await;
    let help = tool("", &["replay", "--help"]).await.well().stdout;
    for fold in FOLDS {
        assert!(help.contains(&format!("({fold})")), "{fold}\n{help}");
        for row in tool(season.archive.url(), &["replay", fold])
            .await
            .well()
            .json()
        {
            for (column, _) in row.as_object().unwrap() {
                let explained = column == "table" || help.contains(&format!("    {column} "));
                assert!(explained, "{fold}: {column}\n{help}");
            }
        }
    }
}

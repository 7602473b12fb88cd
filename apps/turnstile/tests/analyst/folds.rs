//! `turnstile replay`: the results of every fold for the fixed season, to the byte.

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
async fn every_fold_is_deterministic_and_matches_its_snapshot() {
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
async fn a_range_limits_what_is_counted_and_not_the_state() {
    let season = Season::write().await;
    let url = season.archive.url();
    // From after the listing and the order of the one sold ticket until after its sale.
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
async fn tickets_held_at_the_start_of_a_range_count_as_held() {
    let season = Season::write().await;
    let url = season.archive.url();
    // An order is live then, until 11:25.
    let from = "2026-03-01T11:22:00Z";
    let open = tool(url, &["replay", "holds", "--to", from]).await.well();
    let open = open.json().pop().unwrap()["open"].as_u64().unwrap();
    assert!(open > 0);
    for to in ["2026-03-01T11:23:00Z", "2026-03-01T11:30:00Z"] {
        let args = ["replay", "concurrency", "--from", from, "--to", to];
        let rows = tool(url, &args).await.well().json();
        let peak = |table: &str| {
            let row = rows.iter().find(|row| row["table"] == table);
            row.unwrap_or_else(|| panic!("{table}: {rows:#?}"))["peak"].as_u64()
        };
        assert!(peak("holds_by_hour") >= Some(open), "{rows:#?}");
        assert_eq!(peak("holds_by_hour"), peak("most_holds_at_once"));
    }
}

#[tokio::test]
async fn a_sale_with_lost_money_is_not_counted() {
    let mut season = Season::write().await;
    let rows = async |season: &Season, args: &[&str]| {
        let args = [&["replay"], args].concat();
        tool(season.archive.url(), &args).await.well().json()
    };
    let sum = |rows: &[serde_json::Value], table: &str, column: &str| {
        let cents = |text: &str| text.replace('.', "").parse::<u64>().unwrap();
        let rows = rows.iter().filter(|row| row["table"] == table);
        let value = |row: &serde_json::Value| match &row[column] {
            serde_json::Value::String(money) => cents(money),
            count => count.as_u64().unwrap_or_default(),
        };
        rows.map(value).sum::<u64>()
    };
    let on_sale = async |season: &Season| {
        let listed = tool(season.archive.url(), &["tickets", "--at", "2026-04-01"]).await;
        listed.well().json().len()
    };
    let (sales, for_sale) = (rows(&season, &["sales"]).await, on_sale(&season).await);
    assert_eq!(sum(&sales, "sales_by_day", "revenue"), 2_000);
    let lost = domain::ticket_orders::TicketOrdersEvent::OrderCancelled {
        order_id: Season::order(1),
        reason: domain::ticket_orders::CancelReason::PaymentLost,
        version: 3,
    };
    let at = crate::support::moment(3, 12, 0);
    season.orders(1, "orders", &lost, None, at).await;

    let sales = rows(&season, &["sales"]).await;
    for table in ["sales_by_hour", "sales_by_day"] {
        assert_eq!(sum(&sales, table, "revenue"), 0, "{sales:#?}");
        assert_eq!(sum(&sales, table, "sold"), 0, "{sales:#?}");
    }
    let sellers = rows(&season, &["sellers"]).await;
    assert_eq!(sum(&sellers, "revenue_by_seller", "revenue"), 0);
    let prices = rows(&season, &["prices"]).await;
    assert_eq!(sum(&prices, "price_bands", "sold"), 0);
    let funnel = rows(&season, &["funnel"]).await;
    let stage = |table: &str, stage: &str, column: &str| {
        let row = funnel
            .iter()
            .find(|row| row["table"] == table && row["stage"] == stage);
        row.unwrap()[column].as_u64().unwrap()
    };
    assert_eq!(stage("funnel_of_tickets", "sold", "tickets"), 0);
    assert_eq!(stage("funnel_of_orders", "paid", "orders"), 0);
    assert_eq!(on_sale(&season).await, for_sale + 1);
    // A range that ends before that doesn't include it.
    let before = rows(&season, &["sales", "--to", "2026-03-02"]).await;
    assert_eq!(sum(&before, "sales_by_day", "revenue"), 2_000);
}

#[tokio::test]
async fn a_range_can_be_given_in_sequences() {
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
async fn tables_have_names_and_units() {
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

//! Servers die and freeze under load, each in its turn.

use std::time::Duration;

use crate::support::{Market, MongoSet, NatsCluster, Site, session_key, tool};

/// The service must be back within this time. Ten seconds are the goal, and what MongoDB keeps to;
/// after the end of a NATS server that held a reader's consumer it was seen to take half a minute.
const BACK: Duration = Duration::from_secs(45);

struct Figures(Vec<(String, Duration)>);

impl Figures {
    /// How long it takes after `what` until somebody can sell, order and pay.
    async fn take(&mut self, market: &Market, what: String) {
        let back = market.time_to_trade().await;
        println!("{what}: back after {back:.1?}");
        self.0.push((what, back));
    }

    fn assert_all_in_time(&self) {
        let late: Vec<_> = self.0.iter().filter(|(_, back)| *back > BACK).collect();
        assert!(late.is_empty(), "{late:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_server_dies_or_freezes_nothing_acknowledged_is_lost_and_trade_goes_on() {
    let (nats, mongo) = tokio::join!(NatsCluster::start(), MongoSet::start());
    let key = session_key();
    let envs = |name: &str| {
        let mut envs = nats.envs(name);
        envs.extend(mongo.envs(name));
        envs.push(key.clone());
        envs
    };
    let site = Site::start(1, envs).await;
    let client = site.client();
    let market = Market::open(&client, 3).await;
    let mut figures = Figures(Vec::new());
    figures.take(&market, "with all there".to_owned()).await;

    for (n, member) in nats.members.iter().enumerate() {
        member.kill9().await;
        figures.take(&market, format!("nats-{n} was killed")).await;
        member.restart().await;
        figures
            .take(&market, format!("nats-{n} is there again"))
            .await;
        wait_for_copies(&envs("operator")).await;
        member.pause();
        figures.take(&market, format!("nats-{n} was frozen")).await;
        member.resume();
        wait_for_copies(&envs("operator")).await;
    }
    for (n, member) in mongo.members.iter().enumerate() {
        member.kill9().unwrap();
        figures
            .take(&market, format!("mongodb-{n} was killed"))
            .await;
        let again = member.clone();
        let restarted = tokio::task::spawn_blocking(move || again.restart());
        restarted.await.unwrap().unwrap();
        figures
            .take(&market, format!("mongodb-{n} is there again"))
            .await;
        member.pause().unwrap();
        figures
            .take(&market, format!("mongodb-{n} was frozen"))
            .await;
        member.resume().unwrap();
        figures.take(&market, format!("mongodb-{n} goes on")).await;
    }

    let ledger = market.close().await;
    println!(
        "acknowledged: {} tickets, {} orders, {} payments",
        ledger.tickets.len(),
        ledger.orders.len(),
        ledger.paid.len()
    );
    assert!(ledger.paid.len() > 20, "hardly any traffic");
    ledger.assert_kept(&client).await;
    tool(&["verify", "--table"], &envs("operator"))
        .await
        .assert_success();
    // Nothing of that was for want of a right. A reader that makes its consumer anew would put the
    // old one away, which no service may, and needn't: the server does so after half a minute.
    let mut refused = nats.complaints("Permissions Violation");
    refused.retain(|line| !line.contains("CONSUMER.DELETE"));
    assert!(refused.is_empty(), "{refused:#?}");
    figures.assert_all_in_time();
}

/// Waits until every stream has three copies that are up to date: the next server to go must not be
/// one of the last two.
async fn wait_for_copies(operator: &[(String, String)]) {
    testkit::eventually("all copies are there", Duration::from_mins(1), || async {
        let list = tool(&["streams", "ls", "--json"], operator).await;
        let lines = list.stdout.lines();
        let whole = lines.filter(|line| line.contains("\"behind\":[]")).count();
        (list.code == 0 && whole == 8)
            .then_some(())
            .ok_or(list.stdout)
    })
    .await;
}

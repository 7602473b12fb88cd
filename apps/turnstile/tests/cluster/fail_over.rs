//! Servers crash and freeze under load, one after the other.

use std::{collections::HashMap, time::Duration};

use crate::support::{MongoSet, NatsCluster, Site, Traffic, session_key, tool};

/// The goal: the service is back within this time.
const GOAL: Duration = Duration::from_secs(10);
/// Beyond this, the cause is not a slow machine or an unlucky election, but a defect. An election
/// takes up to nine seconds; a repeated one, or a reader that notices a failure only after a
/// timeout of half a minute, takes longer than this.
const GUARD: Duration = Duration::from_secs(20);

struct Figures(Vec<(String, Duration)>);

impl Figures {
    /// Measures the time after `what` until a ticket can be sold, ordered and paid.
    async fn take(&mut self, traffic: &Traffic, what: String) {
        let back = traffic.time_to_trade().await;
        println!("{what}: back after {back:.1?}");
        self.0.push((what, back));
    }

    /// Prints the goal and how often it was met, and checks each time against the limit.
    fn assert_all_in_time(&self) {
        let mut struck: Vec<_> = self.0.iter().filter(|(what, _)| is_strike(what)).collect();
        struck.sort_by_key(|(_, back)| *back);
        let met = struck.iter().filter(|(_, back)| *back <= GOAL).count();
        println!(
            "of {} strikes, trade was back within {GOAL:?} after {met}; half of them took {:.1?} at \
             most, the longest {:.1?}",
            struck.len(),
            struck[(struck.len() - 1) / 2].1,
            struck[struck.len() - 1].1,
        );
        let late: Vec<_> = self.0.iter().filter(|(_, back)| *back > GUARD).collect();
        assert!(late.is_empty(), "{late:?}");
    }
}

/// Whether a server failed, rather than came back.
fn is_strike(what: &str) -> bool {
    what.ends_with("killed") || what.ends_with("frozen")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_dead_or_frozen_server_loses_acknowledged_data_or_stops_trade() {
    let (nats, mongo) = tokio::join!(NatsCluster::with_streams(), MongoSet::start());
    let key = session_key();
    let envs = |name: &str| {
        let mut envs = nats.envs(name);
        envs.extend(mongo.envs(name));
        envs.push(key.clone());
        envs
    };
    let site = Site::start(1, envs).await;
    let client = site.client();
    let traffic = Traffic::open(&client, 3).await;
    let mut figures = Figures(Vec::new());
    figures.take(&traffic, "with all there".to_owned()).await;

    let busiest = led(&envs("operator")).await;
    let first = (0..3)
        .max_by_key(|n| busiest.get(&format!("nats-{n}")))
        .unwrap();
    for step in 0..3 {
        // In an order in which most servers lead streams when they fail: one that just crashed or
        // froze leads none.
        let (dies, freezes) = ((first + 2 * step) % 3, (first + 2 * step + 1) % 3);
        let member = &nats.members[dies];
        let leads = made_to_lead(dies, &nats, &envs("operator")).await;
        member.kill9().await;
        figures
            .take(&traffic, format!("nats-{dies}, led {leads}, was killed"))
            .await;
        member.restart().await;
        figures
            .take(&traffic, format!("nats-{dies} is there again"))
            .await;
        wait_for_copies(&envs("operator")).await;
        let member = &nats.members[freezes];
        let leads = made_to_lead(freezes, &nats, &envs("operator")).await;
        member.pause();
        figures
            .take(&traffic, format!("nats-{freezes}, led {leads}, was frozen"))
            .await;
        member.resume();
        figures
            .take(&traffic, format!("nats-{freezes} goes on"))
            .await;
        wait_for_copies(&envs("operator")).await;
    }
    for (n, member) in mongo.members.iter().enumerate() {
        member.kill9().unwrap();
        figures
            .take(&traffic, format!("mongodb-{n} was killed"))
            .await;
        let again = member.clone();
        let restarted = tokio::task::spawn_blocking(move || again.restart());
        restarted.await.unwrap().unwrap();
        figures
            .take(&traffic, format!("mongodb-{n} is there again"))
            .await;
        member.pause().unwrap();
        figures
            .take(&traffic, format!("mongodb-{n} was frozen"))
            .await;
        member.resume().unwrap();
        figures.take(&traffic, format!("mongodb-{n} goes on")).await;
    }

    let ledger = traffic.close().await;
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
    // None of that was caused by a missing permission.
    let refused = nats.complaints("Permissions Violation");
    assert!(refused.is_empty(), "{refused:#?}");
    figures.assert_all_in_time();
}

/// Waits until every stream has three current copies: the next server to fail must not be one of
/// the last two.
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

/// Number of streams that each server leads.
async fn led(operator: &[(String, String)]) -> HashMap<String, usize> {
    let list = tool(&["streams", "ls", "--json"], operator).await;
    let mut led = HashMap::new();
    for line in list.stdout.lines() {
        let stream: serde_json::Value = serde_json::from_str(line).unwrap();
        if let Some(leader) = stream["found"]["leader"].as_str() {
            *led.entry(leader.to_owned()).or_default() += 1;
        }
    }
    led
}

/// Makes a server lead some streams, or its failure would show little, and returns their number.
/// The servers elect leaders, so while this one leads none, the one that leads most has to step
/// down.
async fn made_to_lead(n: usize, nats: &NatsCluster, operator: &[(String, String)]) -> usize {
    for _ in 0..4 {
        let led = led(operator).await;
        let led_by = |n: usize| led.get(&format!("nats-{n}")).copied().unwrap_or(0);
        if led_by(n) > 0 {
            return led_by(n);
        }
        let most = (0..3).max_by_key(|n| led_by(*n)).unwrap();
        nats.members[most].kill9().await;
        nats.members[most].restart().await;
        wait_for_copies(operator).await;
    }
    panic!("nats-{n} never leads anything");
}

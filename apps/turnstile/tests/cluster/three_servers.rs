//! From one server of NATS to three: runs the commands in docs/operating/three-servers.md.

use tempfile::TempDir;
use testkit::{LONG, Mongo, Nats, TestApp};

use crate::support::{PartitionableCluster, TURNSTILE, tool};

/// The commands under a heading of a page: the lines of its blocks of shell.
fn commands(page: &str, heading: &str) -> Vec<String> {
    let path = devservers::tools::workspace().join(page);
    let text = std::fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once(&format!("\n{heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let section = section.split("\n### ").next().unwrap();
    let mut in_shell = false;
    let mut found = Vec::new();
    for line in section.lines().map(str::trim) {
        match line {
            "```sh" => in_shell = true,
            "```" => in_shell = false,
            line if in_shell => {
                let command = line.split(" #").next().unwrap_or(line);
                found.push(command.trim().to_owned());
            }
            _ => {}
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn growing_from_one_server_to_three_loses_nothing() {
    let (data, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (old, mongo) = (Nats::start().await, Mongo::database().await);
    let mut envs: Vec<(String, String)> = [
        ("NATS_URL", old.url()),
        ("MONGODB_URI", mongo.uri()),
        ("MONGODB_DATABASE", mongo.name()),
        ("DATA_DIR", data.path().to_str().unwrap()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let serve = |envs: &[(String, String)]| TestApp::builder(TURNSTILE).arg("serve").envs(envs);
    let app = serve(&envs).start().await;
    let (seller, buyer) = (app.person().await, app.person().await);
    let mut sold = Vec::new();
    for n in 0..3 {
        let ticket = seller.sell(&format!("Concert {n}"), 20).await;
        let order = buyer.order(&ticket).await;
        buyer.pay(&order).await;
        sold.push((ticket, order));
    }
    for (_, order) in &sold {
        buyer.wait_for_order(order, "complete", LONG).await;
    }

    let mut app = Some(app);
    let mut three = None;
    let mut serving = None;
    let commands = commands("docs/operating/three-servers.md", "## Steps");
    assert!(commands.len() >= 6, "{commands:?}");
    for command in commands {
        println!("$ {command}");
        let words: Vec<_> = command.split_whitespace().collect();
        match words[..] {
            // Processes take the place of the page's pods.
            ["kubectl", .., "--replicas=0"] => app.take().unwrap().terminate().await,
            ["kubectl", .., "--replicas=2"] => {
                serving = Some(serve(&envs).start_unready().await);
            }
            ["export", ..] => {
                old.kill9().await;
                let cluster = PartitionableCluster::start().await;
                envs.retain(|(name, _)| name != "NATS_URL");
                envs.extend(cluster.envs());
                three = Some(cluster);
            }
            ["turnstile", ref args @ ..] => {
                let place = folder.path().to_str().unwrap();
                let args = args.iter().map(|arg| match *arg {
                    "/backups" => place,
                    arg => arg,
                });
                let args: Vec<_> = args.collect();
                let ended = tool(&args, &envs).await;
                ended.assert_success();
            }
            _ => panic!("{command}: this test doesn't know how to do that"),
        }
    }
    let (app, _three) = (serving.unwrap(), three.unwrap());
    app.wait_ready().await;
    let again = app.client();
    again.set_session(buyer.session().as_deref());
    for (ticket, order) in &sold {
        let shown = again.get(&format!("/api/tickets/{ticket}")).await;
        assert_eq!(shown.expect_status(200).json["orderId"], **order);
        assert_eq!(again.order_of(order).await["status"], "complete");
    }
    let listed = tool(&["streams", "ls", "--table"], &envs).await;
    assert_eq!(
        listed.stdout.matches("3 copies").count(),
        8,
        "{}",
        listed.stdout
    );
    // The system continues.
    again.sell("Encore", 30).await;
}

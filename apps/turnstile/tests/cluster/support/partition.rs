//! Three NATS servers whose connections to each other can be cut.

use std::net::SocketAddr;
use tempfile::TempDir;
use testkit::{Client, LONG, Nats, NatsOptions, eventually};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Three servers without users; they end with the value.
pub struct PartitionableCluster {
    pub members: Vec<Nats>,
    monitors: Vec<Client>,
    lines: Vec<Line>,
    _data: TempDir,
}

/// The connection from one server to another.
struct Line {
    ends: [usize; 2],
    is_cut: watch::Sender<bool>,
}

impl PartitionableCluster {
    pub async fn start() -> Self {
        let data = TempDir::with_prefix("nats-apart-").unwrap();
        let port = || devservers::free_port().unwrap();
        let ports: Vec<[u16; 3]> = (0..3).map(|_| [port(), port(), port()]).collect();
        let (mut lines, mut members, mut monitors) = (Vec::new(), Vec::new(), Vec::new());
        for (n, [client, cluster, monitoring]) in ports.iter().copied().enumerate() {
            let mut routes = Vec::new();
            for other in (0..3).filter(|other| *other != n) {
                let line = Line {
                    ends: [n, other],
                    is_cut: watch::Sender::new(false),
                };
                let to = SocketAddr::from(([127, 0, 0, 1], ports[other][1]));
                let at = line.open(to).await;
                lines.push(line);
                routes.push(format!("\"nats://{at}\""));
            }
            let routes = routes.join(", ");
            let folder = data.path().join(format!("nats-{n}"));
            // The servers can't bypass these connections: the advertised address of each leads
            // nowhere.
            let config = format!(
                "server_name: nats-{n}\nlisten: \"127.0.0.1:{client}\"\n\
                 http: \"127.0.0.1:{monitoring}\"\n\
                 jetstream {{ store_dir: \"{}\" }}\n\
                 cluster {{\n  name: apart\n  listen: \"127.0.0.1:{cluster}\"\n\
                 \x20 advertise: \"127.0.0.1:9\"\n  no_advertise: true\n  routes: [{routes}]\n}}\n",
                folder.join("data").display()
            );
            members.push(NatsOptions {
                port: Some(client),
                data_dir: Some(folder),
                config: Some(config),
                ..NatsOptions::default()
            });
            monitors.push(Client::new(format!("http://127.0.0.1:{monitoring}")));
        }
        let mut running = Vec::new();
        for member in members {
            running.push(Nats::start_with(member).await);
        }
        let apart = Self {
            members: running,
            monitors,
            lines,
            _data: data,
        };
        let client = async_nats::connect(apart.members[0].url()).await.unwrap();
        let context = async_nats::jetstream::new(client);
        eventually("the servers agree on a leader", LONG, || async {
            context.query_account().await
        })
        .await;
        apart
    }

    /// The variables of a process that may connect to all three.
    pub fn envs(&self) -> Vec<(String, String)> {
        let urls: Vec<_> = self.members.iter().map(Nats::url).collect();
        [
            ("NATS_URL", urls.join(",")),
            ("STREAM_REPLICAS", "3".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// The server that a client of this name is connected to.
    pub async fn home_of(&self, client: &str) -> Option<usize> {
        for (n, monitor) in self.monitors.iter().enumerate() {
            let answer = monitor.get("/connz").await;
            let connections = answer.json["connections"].as_array().cloned();
            let is_here = |connection: &serde_json::Value| connection["name"] == client;
            if connections.unwrap_or_default().iter().any(is_here) {
                return Some(n);
            }
        }
        None
    }

    /// Cuts a server off from the others; its clients stay connected.
    pub fn cut(&self, server: usize) {
        for line in self.lines.iter().filter(|line| line.ends.contains(&server)) {
            line.is_cut.send_replace(true);
        }
    }
}

impl Line {
    /// Forwards connections until it is cut; returns the address to connect to.
    async fn open(&self, to: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let is_cut = self.is_cut.subscribe();
        tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                let mut is_cut = is_cut.clone();
                tokio::spawn(async move {
                    let pass = async {
                        let mut to = TcpStream::connect(to).await?;
                        tokio::io::copy_bidirectional(&mut from, &mut to).await
                    };
                    tokio::select! {
                        _ = is_cut.wait_for(|is_cut| *is_cut) => {}
                        _ = pass => {}
                    }
                });
            }
        });
        at
    }
}

//! The policies allow exactly the connections that are needed.

use k8s_openapi::{
    api::networking::v1::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort},
    apimachinery::pkg::{
        apis::meta::v1::{LabelSelector, LabelSelectorRequirement},
        util::intstr::IntOrString,
    },
};
use manifests::{Manifests, Overlay, Pod};
use std::collections::{BTreeMap, BTreeSet};

use crate::overlays;

/// The selectors of this repository use only labels and `In`.
fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let has = |(key, value): (&String, &String)| labels.get(key) == Some(value);
    let is_in = |rule: &LabelSelectorRequirement| {
        assert_eq!(rule.operator, "In");
        let values = rule.values.as_deref().unwrap_or_default();
        labels
            .get(&rule.key)
            .is_some_and(|value| values.contains(value))
    };
    selector.match_labels.iter().flatten().all(has)
        && selector.match_expressions.iter().flatten().all(is_in)
}

fn peers(peers: Option<&Vec<NetworkPolicyPeer>>, pod: &Pod) -> bool {
    peers.into_iter().flatten().any(|peer| {
        let own_namespace = peer.namespace_selector.is_none();
        let selector = peer.pod_selector.as_ref();
        own_namespace && selector.is_some_and(|selector| selects(selector, &pod.labels))
    })
}

/// The numbers of the open ports; named ones are those of the pod that accepts the connection.
fn ports(ports: Option<&Vec<NetworkPolicyPort>>, of: &Pod) -> BTreeSet<i32> {
    let named = of
        .spec
        .containers
        .iter()
        .flat_map(|c| c.ports.iter().flatten());
    let named: BTreeMap<_, _> = named
        .map(|port| (port.name.clone().unwrap_or_default(), port.container_port))
        .collect();
    let number = |port: &NetworkPolicyPort| match port.port.as_ref() {
        Some(IntOrString::Int(number)) => Some(*number),
        Some(IntOrString::String(name)) => named.get(name).copied(),
        None => panic!("a rule for all ports"),
    };
    ports.into_iter().flatten().filter_map(number).collect()
}

struct Policies(Vec<NetworkPolicy>);

impl Policies {
    fn of<'a>(&'a self, pod: &'a Pod) -> impl Iterator<Item = &'a NetworkPolicy> {
        self.0.iter().filter(|policy| {
            let spec = policy.spec.as_ref().unwrap();
            selects(&spec.pod_selector.clone().unwrap_or_default(), &pod.labels)
        })
    }

    /// The ports of `to` that `from` can reach. Both sides must allow the same ports: half of a
    /// connection is useless, until someone adds the other half without noticing.
    fn open(&self, from: &Pod, to: &Pod) -> BTreeSet<i32> {
        let leaves = self.of(from).flat_map(|policy| policy.spec.iter());
        let leaves = leaves.flat_map(|spec| spec.egress.iter().flatten());
        let leaves: BTreeSet<_> = leaves
            .filter(|rule| peers(rule.to.as_ref(), to))
            .flat_map(|rule| ports(rule.ports.as_ref(), to))
            .collect();
        let enters = self.of(to).flat_map(|policy| policy.spec.iter());
        let enters = enters.flat_map(|spec| spec.ingress.iter().flatten());
        let enters: BTreeSet<_> = enters
            .filter(|rule| peers(rule.from.as_ref(), from))
            .flat_map(|rule| ports(rule.ports.as_ref(), to))
            .collect();
        assert_eq!(leaves, enters, "from {} to {}", from.owner, to.owner);
        leaves
    }
}

fn connections(manifests: &Manifests) -> BTreeSet<(String, String, i32)> {
    let policies = Policies(manifests.all("NetworkPolicy").unwrap());
    let pods = manifests.pods().unwrap();
    let mut open = BTreeSet::new();
    for from in &pods {
        for to in &pods {
            let ports = policies.open(from, to);
            open.extend(
                ports
                    .into_iter()
                    .map(|p| (from.owner.clone(), to.owner.clone(), p)),
            );
        }
    }
    open
}

#[test]
fn pods_reach_only_what_they_need() {
    for (overlay, manifests) in overlays() {
        let mut needed = BTreeSet::new();
        let mut need = |from: &str, to: &str, port| {
            needed.insert((from.to_owned(), to.to_owned(), port));
        };
        for service in ["tickets", "orders", "payments"] {
            need(service, "nats", 4222);
            need(service, "mongodb", 27017);
        }
        for service in ["auth", "expiration", "analytics"] {
            need(service, "nats", 4222);
        }
        need("mongodb-init", "mongodb", 27017);
        if overlay == Overlay::Production {
            need("nats", "nats", 6222);
            need("mongodb", "mongodb", 27017);
            need("backup", "nats", 4222);
            need("operator", "nats", 4222);
            need("operator", "mongodb", 27017);
            need("nats-init", "nats", 4222);
            need("nats-init", "mongodb", 27017);
        }
        assert_eq!(connections(&manifests), needed, "{overlay:?}");
    }
}

#[test]
fn network_access_is_denied_by_default() {
    for (overlay, manifests) in overlays() {
        let policies = manifests.all::<NetworkPolicy>("NetworkPolicy").unwrap();
        let denies_all = policies.iter().any(|policy| {
            let spec = policy.spec.clone().unwrap();
            spec.pod_selector.unwrap_or_default() == LabelSelector::default()
                && spec.ingress.is_none()
                && spec.egress.is_none()
                && spec.policy_types == Some(vec!["Ingress".to_owned(), "Egress".to_owned()])
        });
        assert!(denies_all, "{overlay:?}");
    }
}

#[test]
fn only_payments_backups_and_operators_reach_the_internet() {
    for (overlay, manifests) in overlays() {
        let policies = Policies(manifests.all("NetworkPolicy").unwrap());
        for pod in manifests.pods().unwrap() {
            let rules = policies.of(&pod).flat_map(|policy| policy.spec.iter());
            let rules = rules.flat_map(|spec| spec.egress.iter().flatten());
            let blocks = rules.flat_map(|rule| rule.to.iter().flatten());
            let blocks: Vec<_> = blocks.filter_map(|peer| peer.ip_block.clone()).collect();
            let may = ["payments", "backup", "operator"].contains(&pod.owner.as_str());
            assert_eq!(!blocks.is_empty(), may, "{overlay:?} {}", pod.owner);
            for block in blocks {
                let except = block.except.unwrap_or_default();
                // The last is the address at which clouds give a machine its own credentials.
                for private in [
                    "10.0.0.0/8",
                    "172.16.0.0/12",
                    "192.168.0.0/16",
                    "100.64.0.0/10",
                    "169.254.0.0/16",
                ] {
                    assert!(
                        except.iter().any(|e| e == private),
                        "{} {private}",
                        pod.owner
                    );
                }
            }
        }
    }
}

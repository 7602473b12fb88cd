//! A pod that is stopped has the time that the program may take.

use manifests::VariableValue;

use crate::overlays;

/// The program's time besides requests and workers: closing connections, writing its log.
const SLACK_SECONDS: i64 = 10;

#[test]
fn the_grace_period_of_a_pod_covers_the_shutdown() {
    let mut seen = 0;
    for (overlay, manifests) in overlays() {
        for pod in manifests.pods().unwrap() {
            if !pod.is_lasting() || !pod.is_ours() {
                continue;
            }
            let container = pod.container().unwrap();
            let variables = manifests.environment(container).unwrap();
            let Some(VariableValue::Text(shutdown)) = variables.get("SHUTDOWN_SECONDS") else {
                panic!("{overlay:?} {} has no SHUTDOWN_SECONDS", pod.owner);
            };
            let shutdown: i64 = shutdown.parse().unwrap();
            let sleep = container
                .lifecycle
                .as_ref()
                .and_then(|lifecycle| lifecycle.pre_stop.as_ref()?.sleep.as_ref())
                .map(|sleep| sleep.seconds)
                .unwrap_or_default();
            // Load balancers learn within a second or two that a pod is stopping.
            assert!(sleep >= 3, "{overlay:?} {} waits {sleep} s", pod.owner);
            // Requests may take SHUTDOWN_SECONDS, and the work after them as long again.
            let needed = sleep + 2 * shutdown + SLACK_SECONDS;
            let given = pod.spec.termination_grace_period_seconds.unwrap();
            assert!(
                given >= needed,
                "{overlay:?} {}: {given} of {needed} s",
                pod.owner
            );
            seen += 1;
        }
    }
    assert_eq!(seen, 14);
}

#[test]
fn requests_are_shorter_than_the_shutdown_of_a_pod() {
    for (overlay, manifests) in overlays() {
        let pod = manifests.pod("orders").unwrap();
        let variables = manifests.environment(pod.container().unwrap()).unwrap();
        let seconds = |name: &str| match &variables[name] {
            VariableValue::Text(text) => text.parse::<u32>().unwrap(),
            other => panic!("{name} is {other:?}"),
        };
        let (request, shutdown) = (
            seconds("REQUEST_TIMEOUT_SECONDS"),
            seconds("SHUTDOWN_SECONDS"),
        );
        assert!(shutdown >= request, "{overlay:?}");
    }
}

#[test]
fn a_rollout_removes_no_pod_before_its_successor_is_ready() {
    use k8s_openapi::api::apps::v1::Deployment;
    use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
    let mut seen = 0;
    for (overlay, manifests) in overlays() {
        for deployment in manifests.all::<Deployment>("Deployment").unwrap() {
            let name = deployment.metadata.name.unwrap();
            let strategy = deployment.spec.strategy.unwrap_or_default();
            // The sandbox's journal belongs to one process; it is for development.
            if strategy.type_.as_deref() == Some("Recreate") {
                assert_eq!(
                    (overlay, name.as_str()),
                    (manifests::Overlay::Dev, "payments")
                );
                continue;
            }
            let rolling = strategy.rolling_update.unwrap_or_default();
            assert_eq!(rolling.max_unavailable, Some(IntOrString::Int(0)), "{name}");
            seen += 1;
        }
    }
    assert_eq!(seen, 13);
}

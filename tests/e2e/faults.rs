//! What goes wrong around `hardline serve`, while changes are made: pods that must be refused are created
//! all the time, and each answer that is not hardline's refusal is a change that slipped through.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hardline_controlplane::ControlPlane;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use serde_json::json;

use crate::run::{hardline, run, run_with};
use crate::server::{self, Server, Service};
use crate::watch;

/// How many create pods at the same time.
const CLIENTS: usize = 4;

/// The control plane of these tests, one after the other: each has its own servers.
fn plane() -> (&'static ControlPlane, MutexGuard<'static, ()>) {
    static PLANE: LazyLock<ControlPlane> = LazyLock::new(|| {
        let plane = ControlPlane::start().unwrap();
        server::install(&plane);
        let shop = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": "shop", "labels": {"hardline.dev/enforcement": "deny"}},
        });
        plane.expect("POST", "/api/v1/namespaces", Some(&shop)).unwrap();
        plane
    });
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    // The leader of the last test may have died with it, and is asked all the same.
    let lease = "/apis/coordination.k8s.io/v1/namespaces/hardline-system/leases/hardline";
    PLANE.request("DELETE", lease, None).unwrap();
    PLANE.expect("PATCH", server::CONFIGURATION, Some(&json!({"webhooks": []}))).unwrap();
    (&PLANE, turn)
}

/// What becomes of a pod that hardline refuses.
#[derive(Debug, PartialEq)]
enum Outcome {
    Refused,
    /// The status and the message.
    Slipped(u16, String),
}

fn try_pod(plane: &ControlPlane) -> Outcome {
    let container = json!({
        "name": "app",
        "image": "registry.example.com/app:1.4",
        "resources": {"limits": {"memory": "64Mi"}},
        "securityContext": {"privileged": true},
    });
    let pod =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tool"}, "spec": {"containers": [container]}});
    match plane.request("POST", "/api/v1/namespaces/shop/pods?dryRun=All", Some(&pod)) {
        Ok(response) => {
            let message = response.body["message"].as_str().unwrap_or_default().to_owned();
            if response.status == 403 && message.contains("Pod shop/tool is refused for 1 reason") {
                Outcome::Refused
            } else {
                Outcome::Slipped(response.status, message)
            }
        }
        Err(error) => Outcome::Slipped(0, error.to_string()),
    }
}

/// Waits until the API server asks the server.
fn until_refused(plane: &ControlPlane) {
    plane.until("hardline refuses", |plane| try_pod(plane) == Outcome::Refused).unwrap();
}

/// Creates pods while something is done. Gives what slipped through, of how many.
fn while_pods_are_created(plane: &ControlPlane, act: impl FnOnce(&AtomicUsize)) -> (Vec<Outcome>, usize) {
    let (count, ended) = (AtomicUsize::new(0), AtomicBool::new(false));
    let create = || {
        let mut slipped = Vec::new();
        while !ended.load(Ordering::Relaxed) {
            let outcome = try_pod(plane);
            count.fetch_add(1, Ordering::Relaxed);
            if outcome != Outcome::Refused {
                slipped.push(outcome);
            }
        }
        slipped
    };
    let slipped = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(create)).collect();
        wait_for(&count, 20);
        let acted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| act(&count)));
        ended.store(true, Ordering::Relaxed);
        let slipped = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
        acted.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        slipped
    });
    (slipped, count.into_inner())
}

/// Waits for so many further answers.
fn wait_for(count: &AtomicUsize, further: usize) {
    let from = count.load(Ordering::Relaxed);
    let deadline = Instant::now() + Duration::from_mins(1);
    while count.load(Ordering::Relaxed) < from + further && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
}

/// Tells a process to end in order.
fn terminate(process: u32) {
    run(Command::new("kill").arg("-TERM").arg(process.to_string())).succeeds();
}

/// Ends a server in order, and says what it has written.
fn stop(server: &mut Server) -> String {
    terminate(server.child.id());
    let status = server.child.wait().unwrap();
    assert!(status.success(), "{status}\n{}", server.log());
    server.log()
}

#[test]
fn a_rolling_update_lets_nothing_through() {
    let (plane, _turn) = plane();
    let service = Service::start();
    let start = || {
        let server = Server::start_behind(plane, service.port, &["--failure-policy=fail"]);
        service.add(&server);
        server
    };
    let (mut first, mut second) = (start(), start());
    until_refused(plane);
    let mut updated = Vec::new();
    let (slipped, count) = while_pods_are_created(plane, |count| {
        for old in [&mut first, &mut second] {
            updated.push(start());
            wait_for(count, 50);
            assert!(stop(old).contains("every request was answered"));
            wait_for(count, 50);
        }
    });
    assert_eq!(slipped, [], "of {count}");
    let leads = |server: &Server| server.metric("hardline_leader ") > 0.0;
    plane.until("one of them leads", |_| updated.iter().any(leads)).unwrap();
}

#[test]
fn when_one_of_two_replicas_dies_the_other_goes_on() {
    let (plane, _turn) = plane();
    let service = Service::start();
    let start = || {
        let server = Server::start_behind(plane, service.port, &["--failure-policy=ignore"]);
        service.add(&server);
        server
    };
    let (first, mut second) = (start(), start());
    until_refused(plane);
    let (slipped, count) = while_pods_are_created(plane, |count| {
        wait_for(count, 50);
        second.child.kill().unwrap();
        second.child.wait().unwrap();
        wait_for(count, 100);
    });
    // What the dead one was asked at that moment is not answered, and passes; so may the next request,
    // as long as the Service has not noticed.
    assert!(slipped.len() <= 2 * CLIENTS, "{slipped:?} of {count}");
    service.until_left(&second);
    let (slipped, count) = while_pods_are_created(plane, |count| wait_for(count, 100));
    assert!(slipped.is_empty(), "{slipped:?} of {count}");
    assert!(first.metric("hardline_admission_requests_total") > 50.0);
}

#[test]
fn as_process_1_it_stops_when_told_to_and_answers_until_then() {
    let (plane, _turn) = plane();
    let mut server = Server::start_as_process_1(plane, &["--failure-policy=fail", "--stop-delay=2"]);
    until_refused(plane);
    let children = format!("/proc/{0}/task/{0}/children", server.child.id());
    let inner: u32 = fs::read_to_string(children).unwrap().trim().parse().unwrap();
    terminate(inner);
    server.until("it is not ready any more", |server| !server::is_ready(server.probes));
    assert_eq!(try_pod(plane), Outcome::Refused, "it still serves");
    let status = server.child.wait().unwrap();
    assert!(status.success(), "{status}\n{}", server.log());
    assert!(server.log().contains("every request was answered"), "{}", server.log());
    assert!(matches!(try_pod(plane), Outcome::Slipped(500, _)), "without it nothing is admitted, as was chosen");
}

#[test]
fn it_outlives_the_api_server_and_its_store() {
    let (plane, _turn) = plane();
    let mut server = Server::start(plane, &["--failure-policy=fail"]);
    until_refused(plane);
    plane.restart_apiserver().unwrap();
    until_refused(plane);
    // The watches go on: what is new is known.
    let relabel = |enforcement: &str| {
        let labels = json!({"metadata": {"labels": {"hardline.dev/enforcement": enforcement}}});
        plane.expect("PATCH", "/api/v1/namespaces/shop", Some(&labels)).unwrap();
    };
    relabel("warn");
    plane.until("the server knows", |plane| matches!(try_pod(plane), Outcome::Slipped(201, _))).unwrap();
    relabel("deny");
    until_refused(plane);

    plane.pause_etcd().unwrap();
    let resumes = Instant::now() + Duration::from_secs(20);
    while Instant::now() < resumes {
        assert!(server::is_ready(server.probes), "it needs no store to answer");
        thread::sleep(Duration::from_millis(200));
    }
    plane.resume_etcd().unwrap();
    until_refused(plane);
    plane.until("it leads again", |_| server.metric("hardline_leader ") > 0.0).unwrap();
    stop(&mut server);
}

#[test]
fn where_it_is_gone_the_policies_in_cel_refuse() {
    let (plane, _turn) = plane();
    let mut server = Server::start(plane, &["--failure-policy=ignore"]);
    until_refused(plane);
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    assert!(matches!(try_pod(plane), Outcome::Slipped(201, _)), "whoever is not asked lets it pass");

    let wall = run(&mut hardline(&["install", "--policies", "--no-config"])).succeeds().stdout;
    run_with(&mut plane.kubectl(&["apply", "-f", "-"]), &wall).succeeds();
    let is_refused = |plane: &ControlPlane| match try_pod(plane) {
        Outcome::Slipped(422, message) => {
            message.contains("[container-privileged] container runs privileged (app), fix: ")
        }
        _ => false,
    };
    plane.until("the wall refuses", is_refused).unwrap();
    run_with(&mut plane.kubectl(&["delete", "-f", "-"]), &wall).succeeds();
}

/// Writes a Secret into a folder as a kubelet does: a folder of its own, and a link that is swapped.
fn mount(volume: &Path, generation: i32, texts: [&str; 3]) {
    let names = ["tls.crt", "tls.key", "ca.crt"];
    let folder = volume.join(format!("..{generation}"));
    fs::create_dir(&folder).unwrap();
    for (name, text) in names.into_iter().zip(texts) {
        fs::write(folder.join(name), text).unwrap();
    }
    let link = volume.join("..link");
    symlink(&folder, &link).unwrap();
    fs::rename(&link, volume.join("..data")).unwrap();
    if generation == 0 {
        for name in names {
            symlink(Path::new("..data").join(name), volume.join(name)).unwrap();
        }
    } else {
        fs::remove_dir_all(volume.join(format!("..{}", generation - 1))).unwrap();
    }
}

/// An authority and what it has signed for the server, in PEM.
struct Issued {
    authority: String,
    certificate: String,
    key: String,
}

/// They end with a year, which tells them apart.
fn issue(year: i32) -> Issued {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, format!("authority of {year}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, key).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.not_after = date_time_ymd(year, 1, 1);
    let certificate = params.signed_by(&key, &authority).unwrap();
    Issued { authority: authority.pem(), certificate: certificate.pem(), key: key.serialize_pem() }
}

#[test]
fn five_rotations_of_authority_and_certificate_let_nothing_through() {
    let (plane, _turn) = plane();
    let volume = tempfile::tempdir().unwrap();
    let mut current = issue(2100);
    mount(volume.path(), 0, [&current.certificate, &current.key, &current.authority]);
    let certificates = format!("--certificates={}", volume.path().display());
    let server = Server::start(plane, &["--failure-policy=fail", "--period=1", &certificates]);
    until_refused(plane);
    let bundle = |plane: &ControlPlane| server::registered(plane)[0]["clientConfig"]["caBundle"].clone();
    let expiry = |_: &ControlPlane| server.metric("hardline_certificate_expiry_timestamp_seconds ");
    let (slipped, count) = while_pods_are_created(plane, |count| {
        for rotation in 1..=5 {
            // First the new authority is trusted beside the old one, then it is used.
            let next = issue(2100 + rotation);
            let both = format!("{}{}", current.authority, next.authority);
            let trusted = bundle(plane);
            mount(volume.path(), 2 * rotation - 1, [&current.certificate, &current.key, &both]);
            plane.until("both are trusted", |plane| bundle(plane) != trusted).unwrap();
            wait_for(count, 50);
            let shown = expiry(plane);
            mount(volume.path(), 2 * rotation, [&next.certificate, &next.key, &both]);
            plane.until("the new one is shown", |plane| expiry(plane) > shown).unwrap();
            wait_for(count, 50);
            current = next;
        }
    });
    assert_eq!(slipped, [], "of {count}");
}

#[test]
fn two_who_both_believe_that_they_lead_tell_each_thing_once() {
    let (plane, _turn) = plane();
    watch::define(plane);
    let volume = tempfile::tempdir().unwrap();
    let issued = issue(2100);
    mount(volume.path(), 0, [&issued.certificate, &issued.key, &issued.authority]);
    // With a certificate of files no replica knows of another.
    let certificates = format!("--certificates={}", volume.path().display());
    let arguments = [&certificates, "--failure-policy=ignore", "--enforcement=audit", "--reports", "--events"];
    let service = Service::start();
    let both = [0, 1].map(|_| Server::start_behind(plane, service.port, &arguments));
    for server in &both {
        service.add(server);
        plane.until("both have judged", |_| server.metric("hardline_standing_timestamp_seconds") > 0.0).unwrap();
    }
    for name in ["one", "two", "three"] {
        watch::create(plane, "default", name);
        watch::until_reported(plane, "default", name, true);
        plane.until("an Event says so", |plane| !watch::events(plane, "default", name).is_empty()).unwrap();
    }
    for name in ["one", "two", "three"] {
        assert_eq!(watch::events(plane, "default", name).len(), 1, "{name}");
        for path in watch::REPORTS {
            let found = watch::reported(plane, path, "default", name);
            assert_eq!(found.iter().filter(|rule| *rule == "container-privileged").count(), 1, "{found:?}");
        }
    }
}

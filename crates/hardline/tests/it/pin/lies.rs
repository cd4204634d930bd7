//! Registries that lie, run in circles, hurry, stall or never stop.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::mpsc;

use super::Folder;
use super::mock::{Mock, reply};
use super::registry::digest;

const TYPE: &str = "content-type: application/vnd.oci.image.manifest.v1+json";
const BODY: &str = r#"{"schemaVersion":2}"#;

fn folder(mock: &Mock) -> Folder {
    Folder::of(&[&format!("{}/shop:1", mock.address)])
}

#[test]
fn a_digest_that_is_not_that_of_the_bytes_is_a_lie() {
    let announced = format!("sha256:{}", "0".repeat(64));
    let header = format!("docker-content-digest: {announced}");
    let mock = Mock::start(move |_, _, out| reply(out, "200 OK", &[TYPE, &header], BODY));
    let folder = folder(&mock);
    let before = folder.text();
    let lie = format!("{} lies: it sends {} where it says {announced}", mock.address, digest(BODY));
    folder.pin(&[]).assert(2, &lie);
    assert_eq!(folder.text(), before);

    let pinned = Folder::of(&[&format!("{}/shop@{announced}", mock.address)]);
    pinned.pin(&["--check"]).assert(2, "lies");
}

#[test]
fn an_answer_without_digest_has_that_of_its_bytes() {
    let mock = Mock::start(|_, _, out| reply(out, "200 OK", &[TYPE], BODY));
    folder(&mock).pin(&[]).assert(0, &digest(BODY));
}

#[test]
fn what_is_no_manifest_has_no_digest() {
    let mock = Mock::start(|_, _, out| reply(out, "200 OK", &["content-type: text/html; charset=utf-8"], "<html>"));
    folder(&mock).pin(&[]).assert(2, "answers with text/html, which is no image manifest");
}

#[test]
fn circles_of_redirects_end() {
    let mock = Mock::start(|_, _, out| reply(out, "307 Temporary Redirect", &["location: /v2/"], ""));
    folder(&mock).pin(&[]).assert(2, "it redirects more than 5 times");
    assert!(mock.requests().len() < 10, "{:?}", mock.requests().len());
}

#[test]
fn credentials_do_not_follow_a_redirect() {
    let storage = Mock::start(|_, _, out| reply(out, "200 OK", &[TYPE], BODY));
    let location = format!("location: http://{}/blob", storage.address);
    let mock = Mock::start(move |head, _, out| {
        if head.to_lowercase().contains("authorization: basic b3bzonmzy3jlda==") {
            reply(out, "307 Temporary Redirect", &[&location], "");
        } else {
            reply(out, "401 Unauthorized", &["www-authenticate: Basic realm=\"test\""], "");
        }
    });
    let folder = folder(&mock);
    // ops:s3cret
    let config = serde_json::json!({"auths": {mock.address.as_str(): {"auth": "b3BzOnMzY3JldA=="}}});
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    folder.pin(&[]).assert(0, &digest(BODY));
    let followed = storage.requests();
    assert_eq!(followed.len(), 1);
    assert!(!followed[0].to_lowercase().contains("authorization"), "{}", followed[0]);
}

#[test]
fn tokens_are_fetched_once_for_a_repository() {
    let realm = Mock::start(|_, _, out| reply(out, "200 OK", &[], r#"{"token":"t0ken"}"#));
    let challenge = format!("www-authenticate: Bearer realm=\"http://{}/token\",service=\"test\"", realm.address);
    let mock = Mock::start(move |head, _, out| {
        if head.to_lowercase().contains("authorization: bearer t0ken") {
            reply(out, "200 OK", &[TYPE], BODY);
        } else {
            reply(out, "401 Unauthorized", &[&challenge], "");
        }
    });
    let names = ["1", "2", "3"].map(|tag| format!("{}/team/shop:{tag}", mock.address));
    let folder = Folder::of(&names.each_ref().map(String::as_str));
    folder.pin(&["--jobs", "1"]).assert(0, "3 pinned");
    let asked = realm.requests();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].contains("repository%3Ateam%2Fshop%3Apull") || asked[0].contains("repository:team/shop:pull"));
}

#[test]
fn busy_registries_are_asked_again() {
    let mock = Mock::start(|_, number, out| match number {
        ..=2 => reply(out, "429 Too Many Requests", &["retry-after: 0"], ""),
        3 => reply(out, "503 Service Unavailable", &[], ""),
        _ => reply(out, "200 OK", &[TYPE], BODY),
    });
    let plain = mock.address.clone();
    folder(&mock).pin(&["--plain-http", &plain]).assert(0, &digest(BODY));
    assert_eq!(mock.requests().len(), 4);
}

#[test]
fn who_asks_to_wait_for_an_hour_is_not_waited_for() {
    let mock = Mock::start(|_, _, out| reply(out, "429 Too Many Requests", &["retry-after: 3600"], ""));
    let plain = mock.address.clone();
    folder(&mock).pin(&["--plain-http", &plain]).assert(2, "too many requests; it asks to wait 3600 s");
    assert_eq!(mock.requests().len(), 1);
}

#[test]
fn errors_that_stay_are_told() {
    let mock = Mock::start(|_, _, out| reply(out, "500 Internal Server Error", &[], ""));
    let plain = mock.address.clone();
    folder(&mock).pin(&["--plain-http", &plain, "--retries", "1"]).assert(2, "answers 500 Internal Server Error");
    assert_eq!(mock.requests().len(), 2);
}

#[test]
fn endless_answers_are_cut() {
    let mock = Mock::start(|_, _, out| {
        let head = format!("HTTP/1.1 200 OK\r\n{TYPE}\r\ntransfer-encoding: chunked\r\n\r\n");
        let mut chunk = String::new();
        write!(chunk, "{:x}\r\n{}\r\n", 1 << 16, "x".repeat(1 << 16)).unwrap();
        let mut written = out.write_all(head.as_bytes());
        while written.is_ok() {
            written = out.write_all(chunk.as_bytes());
        }
    });
    folder(&mock).pin(&[]).assert(2, "the answer is longer than 4 MiB");
}

#[test]
fn slow_answers_end_with_the_timeout() {
    let (release, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let mock = Mock::start(move |_, _, _| _ = wait.lock().unwrap().recv());
    let plain = mock.address.clone();
    let run = folder(&mock).pin(&["--plain-http", &plain, "--timeout", "1", "--retries", "0"]);
    run.assert(2, "no answer within 1 s; `--timeout` waits longer");
    drop(release);
}

#[test]
fn nobody_at_home_is_told() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = Folder::of(&[&format!("{address}/shop:1")]);
    folder.pin(&["--retries", "0"]).assert(2, "no connection: ");
}

//! A mock of a registry, for what no real one does: each answer is made by the test.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A server on this machine, which lives as long as the tests.
pub(super) struct Mock {
    /// Host and port.
    pub(super) address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Mock {
    /// Answers each request, given its head and number, by writing to its connection.
    pub(super) fn start(answer: impl Fn(&str, usize, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (requests.clone(), Arc::new(answer));
        thread::spawn(move || {
            for connection in listener.incoming().filter_map(Result::ok) {
                let (log, answer) = (log.clone(), answer.clone());
                thread::spawn(move || serve(connection, &log, &*answer));
            }
        });
        Self { address, requests }
    }

    /// The heads of the requests so far.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(
    mut connection: TcpStream,
    log: &Mutex<Vec<String>>,
    answer: &(dyn Fn(&str, usize, &mut TcpStream) + Send + Sync),
) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match connection.read(&mut byte) {
            // TLS begins with this byte. Servers of plain HTTP say at once that they do not speak it.
            Ok(1) if head.is_empty() && byte[0] == 0x16 => return reply(&mut connection, "400 Bad Request", &[], ""),
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let number = {
        let mut log = log.lock().unwrap();
        log.push(head.clone());
        log.len()
    };
    answer(&head, number, &mut connection);
}

/// Writes an answer and ends. The reader may have gone away, as after a timeout.
pub(super) fn reply(connection: &mut TcpStream, status: &str, headers: &[&str], body: &str) {
    let headers = headers.iter().flat_map(|header| [*header, "\r\n"]).collect::<String>();
    let _ = write!(
        connection,
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
}

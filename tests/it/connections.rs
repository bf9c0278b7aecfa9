//! How many connections the server takes, and from whom.

use crate::support::{Connection, Request, Server, until};

fn three_each(more: &[(&str, &str)]) -> Server {
    Server::start_with(&[&[("DOORKEY__HTTP__CONNECTIONS_PER_ADDRESS", "3")], more].concat())
}

/// A kept connection that the server has answered on; none when it closed it instead.
fn open(server: &Server) -> Option<Connection> {
    let mut connection = Connection::try_open(&server.address())?;
    connection.try_ask(&Request::get("/health/live")).map(|answer| {
        assert_eq!(answer.status, 200);
        connection
    })
}

#[test]
fn one_address_takes_only_its_part_of_the_places() {
    let server = three_each(&[]);
    let mut held: Vec<_> = (0..3).map(|_| open(&server).expect("a place")).collect();
    assert!(open(&server).is_none(), "the fourth is closed at once");
    assert!(open(&server).is_none());
    assert!(server.says("connections_per_address").unwrap().contains("127.0.0.1"));
    // Those that are open are served, and commands on this machine are let in.
    assert!(held.iter_mut().all(|one| one.ask(&Request::get("/sign-in")).status == 200));
    server.admin().get("/services").with(200);
    held.pop();
    until(|| open(&server).is_some());
    drop(held);
    let told = server.stop().err;
    assert_eq!(told.matches("connections_per_address").count(), 1, "once a minute: {told}");
}

#[test]
fn a_trusted_proxy_is_not_bounded_and_a_bound_can_be_left_out() {
    for more in
        [("DOORKEY__HTTP__TRUSTED_PROXIES", "127.0.0.1"), ("DOORKEY__HTTP__CONNECTIONS_PER_ADDRESS", "0")]
    {
        let server = three_each(&[more]);
        let held: Vec<_> = (0..8).map(|_| open(&server).expect("a place")).collect();
        assert_eq!(held.len(), 8);
    }
}

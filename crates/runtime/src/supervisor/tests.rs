use std::{convert::Infallible, future::pending};

use super::*;

const WIND_DOWN: Duration = Duration::from_secs(10);

async fn until_stopped(stop: CancellationToken) -> Result<(), Infallible> {
    stop.cancelled().await;
    Ok(())
}

mod the_process_stops {
    use super::*;

    #[tokio::test]
    async fn when_a_critical_task_panics_and_names_it() {
        let supervisor = Supervisor::new(WIND_DOWN);
        let tasks = supervisor.tasks();
        tasks.critical("api", until_stopped(tasks.stop_token()));
        tasks.critical("sync", async {
            panic!("no such tipset") as Result<(), Infallible>
        });
        let outcome = supervisor.run().await.expect("runs");
        assert_eq!(
            outcome.reason.to_string(),
            "task sync: it panicked: no such tipset"
        );
        assert!(!outcome.reason.is_orderly());
        assert!(outcome.unfinished.is_empty(), "{:?}", outcome.unfinished);
    }

    #[tokio::test]
    async fn when_a_critical_task_fails_or_just_returns() {
        for (result, said) in [
            (
                Err(std::io::Error::other("port taken")),
                "task api: port taken",
            ),
            (Ok(()), "task api: it ended without being asked to"),
        ] {
            let supervisor = Supervisor::new(WIND_DOWN);
            supervisor.tasks().critical("api", async { result });
            let outcome = supervisor.run().await.expect("runs");
            assert_eq!(outcome.reason.to_string(), said);
        }
    }

    #[tokio::test]
    async fn when_it_is_asked_to() {
        let supervisor = Supervisor::new(WIND_DOWN);
        let tasks = supervisor.tasks();
        tasks.critical("api", until_stopped(tasks.stop_token()));
        tasks.request_stop("Shutdown");
        let outcome = supervisor.run().await.expect("runs");
        assert!(outcome.reason.is_orderly());
        assert_eq!(outcome.reason.to_string(), "stop requested by Shutdown");
    }

    #[tokio::test]
    async fn without_the_tasks_that_do_not_listen() {
        let supervisor = Supervisor::new(Duration::from_millis(50));
        let tasks = supervisor.tasks();
        tasks.background("deaf", pending::<Result<(), Infallible>>());
        tasks.request_stop("test");
        assert_eq!(tasks.names(), ["deaf"]);
        let outcome = supervisor.run().await.expect("runs");
        assert_eq!(outcome.unfinished, ["deaf"]);
    }
}

#[tokio::test]
async fn a_background_failure_stops_nothing() {
    let supervisor = Supervisor::new(WIND_DOWN);
    let tasks = supervisor.tasks();
    tasks.background("prune", async { Err(std::io::Error::other("disk")) });
    tasks.background("publish", async {
        panic!("oops") as Result<(), Infallible>
    });
    while !tasks.names().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tasks.request_stop("test");
    let outcome = supervisor.run().await.expect("runs");
    assert!(
        matches!(outcome.reason, StopReason::Requested(_)),
        "{:?}",
        outcome.reason
    );
}

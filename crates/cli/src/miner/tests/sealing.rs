//! `sealing`: workers and jobs.

use super::*;

#[tokio::test]
async fn workers_show_what_they_use() {
    let mut workers = miner().find_recorded("WorkerStats");
    for (id, used) in [
        ("6df88332-6bf9-4f8d-a01c-96e1fd8536ba", 1_436_852_224_u64),
        ("eb53dfdf-a89d-4acd-9715-9c0ece2ea0ff", 1_280_974_029),
    ] {
        workers[id]["Info"]["Resources"]["MemUsed"] = json!(used);
    }
    let miner = miner().answer("WorkerStats", workers);
    let args = ["sealing", "workers"];
    let ended = run(&miner, &node(195), &args).await;
    assert_eq!(
        ended.stdout,
        recorded_output(MINER_CLI, &args),
        "{}",
        ended.stderr
    );
    let proving = run(&miner, &node(195), &["proving", "workers"]).await;
    assert_eq!(proving.stdout, "");
}

fn busy() -> Fake {
    let job = |id: &str, number: u64, task: &str, wait: i64| {
        json!({
            "ID": { "Sector": { "Miner": 1000, "Number": number }, "ID": id },
            "Sector": { "Miner": 1000, "Number": number }, "Task": task, "RunWait": wait,
            "Start": "0001-01-01T00:00:00Z", "Hostname": "",
        })
    };
    miner()
        .answer(
            "WorkerJobs",
            json!({ "6df88332-6bf9-4f8d-a01c-96e1fd8536ba": [
                job("a0000000-0000-4000-8000-000000000002", 5, "seal/v0/precommit/1", 3),
                job("a0000000-0000-4000-8000-000000000001", 4, "seal/v0/commit/2", 0),
                job("b0000000-0000-4000-8000-000000000003", 3, "seal/v0/addpiece", -3),
            ] }),
        )
        .answer("SealingAbort", json!(null))
}

#[tokio::test]
async fn jobs_are_listed_from_the_running_ones_on() {
    let ended = run(&busy(), &node(195), &["sealing", "jobs"]).await;
    assert_eq!(
        ended.stdout,
        "ID        Sector  Worker    Hostname  Task  State        Time\n\
         a0000000  4       6df88332  vm        C2    running      n/a\n\
         a0000000  5       6df88332  vm        PC1   assigned(2)  n/a\n",
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_job_is_aborted_when_its_id_is_clear() {
    let miner = busy();
    let ended = run(&miner, &node(195), &["sealing", "abort", "b"]).await;
    assert_eq!(ended.exit, 0, "{}", ended.stderr);
    assert_eq!(miner.asked("SealingAbort")[0][0]["Sector"]["Number"], 3);
    for (id, text) in [
        ("a0", "is the begin of several jobs' ids"),
        ("c", "job with specified id prefix not found: c"),
        ("x y", "is not the begin of a job's id"),
    ] {
        let ended = run(&miner, &node(195), &["sealing", "abort", id]).await;
        assert!(ended.stderr.contains(text), "{id}: {}", ended.stderr);
    }
    assert_eq!(miner.asked("SealingAbort").len(), 1);
}

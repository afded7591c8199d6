use lotus_rpc_api::types::worker::WorkerResources;
use proptest::prelude::*;

use super::*;
use crate::resources::table;

const GIB: u64 = 1 << 30;
const P32: RegisteredSealProof = RegisteredSealProof(8);

fn worker(cpus: u64, gib: u64, gpus: usize) -> Worker {
    let resources = WorkerResources {
        mem_physical: gib * GIB,
        cpus,
        gpus: vec!["gpu".to_owned(); gpus],
        resources: table(|_| None).unwrap(),
        ..WorkerResources::default()
    };
    Worker {
        enabled: true,
        tasks: TaskType::ALL.iter().cloned().collect(),
        info: WorkerInfo {
            hostname: "w".to_owned(),
            ignore_resources: false,
            resources,
        },
        active: Active::default(),
    }
}

fn request(n: u128, sector: u64, task: TaskType, priority: i64) -> Request {
    Request {
        id: Uuid::from_u128(n),
        sector: SectorId {
            miner: 1000,
            number: sector,
        },
        proof: P32,
        task,
        priority,
        eligible: None,
        preferred: BTreeSet::new(),
    }
}

fn workers(list: Vec<Worker>) -> BTreeMap<Uuid, Worker> {
    (100_u128..).map(Uuid::from_u128).zip(list).collect()
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

mod requests_are_taken {
    use super::*;

    #[test]
    fn in_lotus_order() {
        let requests = [
            request(1, 1, TaskType::ADD_PIECE, 0),
            request(2, 2, TaskType::PRE_COMMIT1, 0),
            request(3, 1, TaskType::PRE_COMMIT1, 0),
            request(4, 9, TaskType::COMMIT1, 0),
            request(5, 9, TaskType::ADD_PIECE, 7),
            request(6, 9, TaskType::FETCH, -100),
            request(7, 9, TaskType::FINALIZE, 0),
        ];
        let mut big = worker(1000, 4000, 0);
        big.info.ignore_resources = true;
        let decision = decide(&requests, &workers(vec![big]), Assigner::Utilization);
        let order: Vec<_> = decision.assigned.iter().map(|(r, _)| r.as_u128()).collect();
        assert_eq!(order, [7, 6, 5, 4, 3, 2, 1]);
    }

    #[test]
    fn by_two_idle_workers_one_each() {
        let requests = [
            request(1, 1, TaskType::PRE_COMMIT1, 0),
            request(2, 2, TaskType::PRE_COMMIT1, 0),
        ];
        for assigner in [Assigner::Utilization, Assigner::Spread] {
            let pool = workers(vec![worker(16, 256, 0), worker(16, 256, 0)]);
            let decision = decide(&requests, &pool, assigner);
            let used: BTreeSet<_> = decision.assigned.iter().map(|(_, w)| *w).collect();
            assert_eq!(used.len(), 2, "{assigner:?}");
        }
    }

    #[test]
    fn by_a_worker_that_has_the_files_even_if_it_is_busier() {
        let mut busy = worker(64, 512, 0);
        busy.active.add(
            &TaskType::PRE_COMMIT1,
            needs(&busy.info, &TaskType::PRE_COMMIT1, P32),
            &busy.info,
        );
        let pool = workers(vec![worker(64, 512, 0), busy]);
        let mut wanted = request(1, 1, TaskType::PRE_COMMIT2, 0);
        wanted.preferred.insert(id(101));
        let decision = decide(&[wanted], &pool, Assigner::Utilization);
        assert_eq!(decision.assigned, [(id(1), id(101))]);
    }
}

mod a_request_waits {
    use super::*;

    fn why(request: Request, pool: Vec<Worker>) -> Reason {
        let decision = decide(&[request], &workers(pool), Assigner::Utilization);
        assert_eq!(decision.assigned, []);
        decision.waiting[&id(1)].clone()
    }

    #[test]
    fn and_says_why() {
        let pc1 = || request(1, 1, TaskType::PRE_COMMIT1, 0);
        assert_eq!(why(pc1(), vec![]), Reason::NoWorkers);
        let mut other = worker(16, 256, 0);
        other.tasks.remove(&TaskType::PRE_COMMIT1);
        assert_eq!(why(pc1(), vec![other]), Reason::NobodyDoes);
        let disabled = Worker {
            enabled: false,
            ..worker(16, 256, 0)
        };
        assert_eq!(why(pc1(), vec![disabled]), Reason::Disabled);
        let far = Request {
            eligible: Some(BTreeSet::new()),
            ..pc1()
        };
        assert_eq!(why(far, vec![worker(16, 256, 0)]), Reason::NoFiles);
        let small = why(pc1(), vec![worker(16, 32, 0)]);
        assert_eq!(small, Reason::Busy(vec![(id(100), Short::Memory)]));
        assert!(small.to_string().contains("Memory"));
    }

    #[test]
    fn while_as_many_of_its_kind_run_as_may() {
        let mut limited = worker(64, 1024, 0);
        for by_proof in limited.info.resources.resources.values_mut() {
            by_proof.values_mut().for_each(|r| r.max_concurrent = 1);
        }
        let requests = [
            request(1, 1, TaskType::PRE_COMMIT1, 0),
            request(2, 2, TaskType::PRE_COMMIT1, 0),
        ];
        let decision = decide(&requests, &workers(vec![limited]), Assigner::Utilization);
        assert_eq!(decision.assigned, [(id(1), id(100))]);
        assert_eq!(
            decision.waiting[&id(2)],
            Reason::Busy(vec![(id(100), Short::Concurrency)])
        );
    }

    #[test]
    fn without_holding_up_others_behind_it() {
        let requests = [
            request(1, 1, TaskType::COMMIT2, 9),
            request(2, 2, TaskType::PRE_COMMIT1, 0),
        ];
        let mut pool = worker(16, 256, 0);
        pool.tasks.remove(&TaskType::COMMIT2);
        let decision = decide(&requests, &workers(vec![pool]), Assigner::Utilization);
        assert_eq!(decision.assigned, [(id(2), id(100))]);
    }
}

fn any_worker() -> impl Strategy<Value = Worker> {
    (1_u64..128, 1_u64..1024, 0_usize..3, any::<bool>()).prop_map(|(cpus, gib, gpus, enabled)| {
        Worker {
            enabled,
            ..worker(cpus, gib, gpus)
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_request_is_assigned_or_waits_and_no_worker_is_overloaded(
        pool in prop::collection::vec(any_worker(), 0..6),
        tasks in prop::collection::vec((0_usize..TaskType::ALL.len(), -5_i64..5), 0..40),
    ) {
        let pool = workers(pool);
        let requests: Vec<_> = tasks
            .iter()
            .enumerate()
            .map(|(n, (task, priority))| {
                request(n as u128, n as u64 % 7, TaskType::ALL[*task].clone(), *priority)
            })
            .collect();
        let decision = decide(&requests, &pool, Assigner::Utilization);
        prop_assert_eq!(decision.assigned.len() + decision.waiting.len(), requests.len());
        let mut load: BTreeMap<Uuid, Active> = BTreeMap::new();
        let mut threaded: BTreeMap<Uuid, u32> = BTreeMap::new();
        for (request, worker) in &decision.assigned {
            prop_assert!(!decision.waiting.contains_key(request));
            let w = &pool[worker];
            prop_assert!(w.enabled);
            let request = &requests[usize::try_from(request.as_u128()).unwrap()];
            let needed = needs(&w.info, &request.task, request.proof);
            load.entry(*worker).or_default().add(&request.task, needed, &w.info);
            *threaded.entry(*worker).or_default() += u32::from(threads(needed, &w.info) > 0);
        }
        for (worker, active) in &load {
            let r = &pool[worker].info.resources;
            prop_assert!(active.memory_min <= r.mem_physical);
            // A single task may want more threads than there are.
            prop_assert!(active.cpu <= r.cpus || threaded[worker] == 1, "{active:?}");
            if !r.gpus.is_empty() {
                prop_assert!(active.gpu <= r.gpus.len() as f64);
            }
        }
    }

    #[test]
    fn more_room_never_leaves_more_waiting(
        n in 1_usize..30,
        pool in prop::collection::vec(any_worker(), 1..5),
    ) {
        let requests: Vec<_> =
            (0..n).map(|n| request(n as u128, n as u64, TaskType::PRE_COMMIT1, 0)).collect();
        let few = decide(&requests, &workers(pool.clone()), Assigner::Utilization);
        let mut more = pool;
        more.push(worker(128, 1024, 0));
        let many = decide(&requests, &workers(more), Assigner::Utilization);
        prop_assert!(many.waiting.len() <= few.waiting.len());
    }
}

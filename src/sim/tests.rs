use super::*;

#[test]
fn results_keep_the_order_of_jobs_whoever_does_them() {
    let jobs: Vec<u32> = (0..100).collect();
    let squares = |threads| side_by_side(&jobs, threads, |job| job * job);
    assert_eq!(squares(1), squares(7));
    assert_eq!(squares(7)[9], 81);
}

#[test]
fn the_same_seed_gives_the_same_report() {
    let run = |seed, threads| run(&Options { trials: 1, years: 0, alpha: None, seed, threads }).unwrap().to_string();
    assert_eq!(run(5, 1), run(5, 2));
    assert_ne!(run(5, 1), run(6, 1));
}

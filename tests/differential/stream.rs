//! A random stream of outcomes: hours of healthy, partial, total, regional and sparse, blind ones, a restart in the middle.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use authprobe::alert::Machine;
use authprobe::alert::conditions::{Context, burns};
use authprobe::clock::Timestamp;
use authprobe::outcome::{CheckLabels, Verdict};
use authprobe::slo::{Aggregate, Book, Counted, Counts, Objective, Triggers};

use crate::certain::Set;
use crate::promtool_support::{Sample, Series};
use crate::support_outcome::{check, outcome};

/// What all streams have in common.
pub const HEAD: &str = "
[[region]]
name = 'eu'
[[region]]
name = 'us'
[[region]]
name = 'ap'
[[provider]]
name = 'main'
issuer = 'https://login.example.com'
";
const REGIONS: [&str; 3] = ["eu", "us", "ap"];
/// When each begins: a full minute.
const START: Timestamp = Timestamp::from_secs(1_700_000_400);

/// Objectives, and a tier that fits: share of the budget, long window.
const KINDS: [(&str, &str, &str); 12] = [
    ("99.95%", "2%", "1h"),
    ("99.95%", "5%", "3h"),
    ("99.9%", "10%", "5m"),
    ("99.9%", "50%", "1h"),
    ("99.9%", "2%", "1h"),
    ("99.5%", "2%", "1h"),
    ("99.5%", "2%", "2h"),
    ("99%", "2%", "1h"),
    ("97%", "1%", "30m"),
    ("90%", "0.5%", "1h"),
    ("90%", "1%", "2h"),
    ("100%", "", ""),
];

/// The same numbers each time (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    fn happens(&mut self, probability: f64) -> bool {
        (self.next() >> 11) as f64 / ((1_u64 << 53) as f64) < probability
    }
}

/// How things are for a while.
#[derive(Clone, Copy, Debug)]
struct Phase {
    /// How likely a run fails, by region.
    fails: [f64; 3],
    /// How likely it cannot tell, or does not take place.
    blind: f64,
    missed: f64,
}

impl Phase {
    fn random(random: &mut Random) -> Self {
        let healthy = Self { fails: [0.0005; 3], blind: 0.002, missed: 0.002 };
        match random.below(9) {
            0..=2 => healthy,
            3 => Self { fails: [random.pick(&[0.01, 0.05, 0.2, 0.5]); 3], ..healthy },
            4 => Self { fails: [1.0; 3], ..healthy },
            5 => {
                let mut fails = healthy.fails;
                fails[random.below(3) as usize] = 1.0;
                Self { fails, ..healthy }
            }
            6 => Self { missed: random.pick(&[0.15, 0.4, 0.9]), fails: [random.pick(&[0.0, 0.3, 1.0]); 3], ..healthy },
            7 => Self { blind: random.pick(&[0.3, 0.6, 1.0]), fails: [random.pick(&[0.0, 0.3]); 3], ..healthy },
            _ => Self { fails: [random.pick(&[0.02, 0.1]); 3], blind: 0.1, missed: 0.05 },
        }
    }
}

/// A stream: what is configured, and from which numbers the rest follows.
pub struct Stream {
    seed: u64,
    slo: String,
    period: u64,
    regions: usize,
    config: String,
    /// Between which seconds the process is not there, and whether its counters begin anew.
    pub restart: Option<(Range<u64>, bool)>,
}

/// What both evaluators are to be compared by. Everything is by minute.
pub struct Run {
    /// The objective.
    pub slo: String,
    /// What each tier's condition may be.
    pub readings: BTreeMap<String, Vec<Set>>,
    /// What the embedded evaluator's state machine says; `None`: the process is not there.
    pub firing: BTreeMap<String, Vec<Option<bool>>>,
    /// What Prometheus scrapes.
    pub series: Vec<Series>,
}

impl Stream {
    /// The stream of that number: the first that the configuration takes (not every tier can fire with few runs).
    pub fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        loop {
            let stream = Self::drawn(seed, &mut random);
            let text = format!("{HEAD}{}", stream.config);
            if authprobe::plan::from_str("stream", &text, std::path::Path::new("")).is_ok() {
                return stream;
            }
        }
    }

    fn drawn(seed: u64, random: &mut Random) -> Self {
        let period = random.pick(&[30, 60, 60, 60, 120, 300]);
        let regions = random.pick(&[1, 2, 3, 3]);
        let (objective, budget, within) = random.pick(&KINDS);
        let (coverage, alpha) = (random.pick(&["50%", "80%", "80%", "90%"]), random.pick(&["5%", "5%", "1%", "50%"]));
        let uptime = regions == 3 && random.below(3) == 0;
        let slo = format!("s{seed}");
        let names = REGIONS[..regions].iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
        let mut config = format!(
            "[[probe]]\nname = 'p{seed}'\nkind = 'jwks'\nprovider = 'main'\nevery = '{period}s'\nregions = [{names}]\n\
             [[slo]]\nname = '{slo}'\nprobes = ['p{seed}']\nsli = 'availability'\nobjective = '{objective}'\nwindow = '30d'\n\
             min_coverage = '{coverage}'\nalpha = '{alpha}'\n"
        );
        if uptime {
            config.push_str("aggregate = 'uptime'\nquorum = 2\n");
        }
        if !budget.is_empty() {
            let _ = writeln!(config, "tiers = [{{ budget = '{budget}', within = '{within}', severity = 'page' }}]");
        }
        let restart = (random.below(2) == 0).then(|| {
            let (from, takes) = (70 * 60 + random.below(80 * 60), random.pick(&[20, 90, 300, 900, 1800]));
            (from..from + takes, random.below(2) == 0)
        });
        Self { seed, slo, period, regions, config, restart }
    }

    /// Its probe and its objective.
    pub fn config(&self) -> String {
        self.config.clone()
    }

    /// Lets it happen.
    pub fn run(&self, objective: &Arc<Objective>, minutes: u64) -> Run {
        let mut random = Random(self.seed ^ 0xabcd_ef01);
        let mut world = World::new(self, objective);
        let checks: Vec<CheckLabels> =
            REGIONS[..self.regions].iter().map(|region| check(&format!("p{}", self.seed), region)).collect();
        let (mut phase, mut lasts) = (Phase::random(&mut random), 0);
        world.minute(0);
        for minute in 0..minutes {
            if lasts == 0 {
                (phase, lasts) = (Phase::random(&mut random), 8 + random.below(42));
            }
            lasts -= 1;
            for second in minute * 60..(minute + 1) * 60 {
                if self.restart.as_ref().is_some_and(|(down, _)| down.end == second) {
                    world.back(self);
                }
                for (region, check) in checks.iter().enumerate() {
                    // Each region a few seconds after the one before.
                    if second % self.period == 3 + 4 * region as u64 && !self.is_down(second) {
                        world.run(check, &phase, region, second, &mut random);
                    }
                }
            }
            world.minute(minute + 1);
        }
        world.into_run()
    }

    fn is_down(&self, second: u64) -> bool {
        self.restart.as_ref().is_some_and(|(down, _)| down.contains(&second))
    }
}

/// The embedded evaluator, and the counters that Prometheus sees.
struct World<'a> {
    stream: &'a Stream,
    objective: &'a Arc<Objective>,
    book: Book,
    machine: Machine,
    counters: BTreeMap<Arc<str>, Counts>,
    samples: BTreeMap<Arc<str>, Vec<Option<Counts>>>,
    readings: BTreeMap<String, Vec<Set>>,
    firing: BTreeMap<String, Vec<Option<bool>>>,
}

fn at(second: u64) -> Timestamp {
    START + Duration::from_secs(second)
}

impl<'a> World<'a> {
    fn new(stream: &'a Stream, objective: &'a Arc<Objective>) -> Self {
        let names: Vec<Arc<str>> = match objective.aggregate {
            Aggregate::Uptime { .. } => vec!["".into()],
            Aggregate::Reachability => REGIONS[..stream.regions].iter().map(|name| (*name).into()).collect(),
        };
        Self {
            stream,
            objective,
            book: Book::new(std::slice::from_ref(objective)),
            machine: Machine::default(),
            counters: names.iter().map(|name| (name.clone(), Counts::default())).collect(),
            samples: names.into_iter().map(|name| (name, Vec::new())).collect(),
            readings: BTreeMap::new(),
            firing: BTreeMap::new(),
        }
    }

    fn count(&mut self, counted: Vec<Counted>) {
        for one in counted {
            *self.counters.get_mut(&one.series.region).expect("a series that was there from the start") += one.counts;
        }
    }

    /// What the schedule asks for.
    fn run(&mut self, check: &CheckLabels, phase: &Phase, region: usize, second: u64, random: &mut Random) {
        let (missed, blind) = (random.happens(phase.missed), random.happens(phase.blind));
        let fails = random.happens(phase.fails[region]);
        let counted = if missed {
            self.book.missed(check, 1, false, at(second))
        } else {
            let mut outcome = outcome(check);
            (outcome.scheduled, outcome.start) = (at(second), at(second));
            outcome.verdict = match (blind, fails) {
                (true, _) => Verdict::Inconclusive,
                (false, true) => Verdict::Bad,
                (false, false) => Verdict::Good,
            };
            self.book.outcome(&outcome, false, at(second))
        };
        self.count(counted);
    }

    /// The process is there again.
    fn back(&mut self, stream: &Stream) {
        let Some((down, anew)) = &stream.restart else { return };
        if *anew {
            self.counters.values_mut().for_each(|counts| *counts = Counts::default());
        }
        let counted = self.book.absent(at(down.start), at(down.end), &|_, _| false);
        self.count(counted);
    }

    /// The end of that minute: an evaluation just before it, a scrape at it.
    fn minute(&mut self, minute: u64) {
        let down = self.stream.is_down(minute * 60);
        let now = Timestamp::from_nanos(at(minute * 60).as_nanos() - 1_000_000);
        if !down {
            let counted = self.book.tick(now);
            self.count(counted);
        }
        for (region, samples) in &mut self.samples {
            samples.push((!down).then(|| self.counters[region]));
        }
        let evaluations = self.book.evaluate(now);
        if !down {
            self.machine.step(now, burns(&evaluations, now, &Context::default(), &|_| false, &|_| None));
        }
        let alerts = self.machine.alerts();
        let tiers: Vec<(String, Option<&authprobe::slo::Tier>)> = match &self.objective.triggers {
            Triggers::Burn(tiers) => tiers.iter().map(|tier| (tier.name.to_string(), Some(tier))).collect(),
            Triggers::AnyEvent(_) => vec![("any".to_owned(), None)],
        };
        for ((name, tier), reading) in tiers.into_iter().zip(&evaluations[0].tiers) {
            let fires =
                alerts.iter().any(|alert| alert.is_firing() && alert.labels.get("burnrate_tier") == Some(&name));
            let possible = if down { Set::BLIND } else { Set::of(self.objective, tier, reading) };
            self.readings.entry(name.clone()).or_default().push(possible);
            self.firing.entry(name).or_default().push((!down).then_some(fires));
        }
    }

    fn into_run(self) -> Run {
        let slo = &self.stream.slo;
        let mut series = Vec::new();
        for (region, samples) in &self.samples {
            let metrics: [(&str, Value); 3] =
                [("events", |c| c.judged()), ("errors", |c| c.bad), ("expected", |c| c.expected)];
            for (what, value) in metrics {
                let name = format!(
                    "authprobe_slo_{what}_total{{slo=\"{slo}\", probe_region=\"{region}\", job=\"authprobe\"}}"
                );
                series.push(Series { name, samples: scraped(samples, value) });
            }
        }
        Run { slo: slo.clone(), readings: self.readings, firing: self.firing, series }
    }
}

/// What a counter shows of counts.
type Value = fn(&Counts) -> u64;

/// What a scrape sees that may fail.
fn scraped(samples: &[Option<Counts>], value: Value) -> Vec<Sample> {
    let mut before = false;
    let scrape = |sample: &Option<Counts>| {
        let was = std::mem::replace(&mut before, sample.is_some());
        match sample {
            Some(counts) => Sample::Is(value(counts)),
            None if was => Sample::Stale,
            None => Sample::Nothing,
        }
    };
    samples.iter().map(scrape).collect()
}

//! Random fleets.

use std::collections::BTreeMap;

use super::super::split::portion;
use super::super::{Action, Cost, Fleet, Planner, Server, Shard, Splits, Step};
use crate::config::ServerState;

/// A sequence of numbers that looks random: `splitmix64` of Sebastiano Vigna.
#[derive(Debug, Clone)]
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(u64::try_from(bound).unwrap())).unwrap()
    }

    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// A fleet, and how it is planned.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) fleet: Fleet,
    pub(super) planner: Planner,
}

pub(super) const REGIONS: [&str; 3] = ["eu", "us", "as"];

/// The only rule of these fleets: a shard of a region is on servers of it.
pub(super) fn is_allowed(region: Option<&str>, server: &Server) -> bool {
    region.is_none_or(|region| server.name.starts_with(region))
}

/// A fleet in which load can go anywhere: no regions, pins or capacities.
pub(super) fn open(seed: u64, servers: usize, shards: u32) -> Case {
    let random = &mut Random(seed);
    let mut fleet = Fleet::new();
    let is_weighted = random.percent(50);
    for number in 0..servers {
        let mut server = Server::new("shop", format!("s{number}"));
        if is_weighted {
            server.weight = 1 + u32::try_from(random.below(3)).unwrap();
        }
        if number > 0 && random.percent(5) {
            server.state = ServerState::Draining;
        }
        fleet.server(server);
    }
    // Some servers are new, and some are popular.
    let popular: Vec<u64> = (0..servers)
        .map(|_| {
            if random.percent(10) {
                0
            } else {
                50 + random.below(100)
            }
        })
        .collect();
    let places = places(&popular);
    for number in 0..shards {
        let place = places[random.index(places.len())];
        let bytes = match seed % 3 {
            0 => 500_000 + random.below(1_000_000),
            1 => (1 << (10 + random.below(10))) + random.below(1_000),
            _ => 1_000_000,
        };
        let name = fleet.servers()[place].name.clone();
        fleet.shard(Shard::new("shop", number, name).bytes(bytes));
    }
    Case {
        fleet,
        planner: Planner::new(),
    }
}

fn places(popular: &[u64]) -> Vec<usize> {
    let places = popular.iter().enumerate();
    let places = places.flat_map(|(server, times)| (0..*times).map(move |_| server));
    let mut places: Vec<usize> = places.collect();
    if places.is_empty() {
        places.push(0);
    }
    places
}

/// A fleet with everything: groups on the same machines, regions, pins, capacities, inactive servers.
pub(super) fn tangled(seed: u64, servers: usize, shards: u32) -> Case {
    let random = &mut Random(seed ^ 0x5bd1);
    let mut fleet = Fleet::new();
    let has_regions = random.percent(50);
    let is_tight = random.percent(50);
    let groups: &[&str] = if random.percent(50) {
        &["shop", "log"]
    } else {
        &["shop"]
    };
    let size = 1 + random.below(1_000_000);
    let fair = size / 2 * u64::from(shards) / u64::try_from(servers).unwrap();
    for group in groups {
        for number in 0..servers {
            let region = if has_regions {
                REGIONS[number % 3]
            } else {
                "s"
            };
            let mut server = Server::new(*group, format!("{region}{number}"));
            if random.percent(80) {
                server = server.machine(format!("m{number}"));
            }
            server.weight = u32::try_from(random.below(4)).unwrap();
            if is_tight {
                server.capacity = Some(fair / 2 + random.below(fair * 3 + 2));
            }
            server.state = match random.below(10) {
                0 => ServerState::Draining,
                1 => ServerState::Inactive,
                _ => ServerState::Active,
            };
            fleet.server(server);
        }
    }
    let threshold = u32::try_from(random.below(30)).unwrap();
    let cost = [Cost::Bytes, Cost::Rows, Cost::Measured, Cost::Shards][random.index(4)];
    let mut planner = Planner::new()
        .cost(cost)
        .threshold(threshold)
        .allow(is_allowed);
    // An inactive server holds nothing.
    let names = groups.iter().map(|group| {
        let own = fleet.servers().iter();
        let own = own.filter(|own| own.group == *group && own.state != ServerState::Inactive);
        own.map(|server| server.name.clone()).collect()
    });
    let names: Vec<Vec<String>> = names.collect();
    for number in 0..shards {
        let group = random.index(groups.len());
        let (group, own) = (groups[group], &names[group]);
        if own.is_empty() {
            continue;
        }
        // Early servers hold more.
        let most = 1 + random.index(own.len());
        let mut shard = Shard::new(group, number, own[random.index(most)].clone());
        shard.bytes = random.below(size);
        shard.rows = random.below(1_000);
        shard.load = random.below(1_000);
        if has_regions && random.percent(70) {
            shard.class = Some(REGIONS[random.index(3)].to_owned());
        }
        if random.percent(2) {
            planner = planner.keep(group, number);
        } else if random.percent(1) {
            planner = planner.pin(group, number, &own[random.index(own.len())]);
        }
        fleet.shard(shard);
    }
    Case { fleet, planner }
}

/// A fleet with some logical shards that are much larger than the others, and a planner that splits them.
pub(super) fn giants(seed: u64, servers: usize, shards: u32, is_open: bool) -> Case {
    let random = &mut Random(seed ^ 0x91a7);
    let mut case = if is_open {
        open(seed, servers, shards)
    } else {
        tangled(seed, servers, shards)
    };
    let total: u64 = case.fleet.shards.iter().map(|shard| shard.bytes).sum();
    // A split has 64 parts at most: with larger ones, a plan would be followed by a second one.
    let times = 1 + total / u64::try_from(servers / 40).unwrap().max(4);
    for _ in 0..1 + random.below(3) {
        let at = random.index(case.fleet.shards.len());
        let giant = &mut case.fleet.shards[at];
        giant.bytes = 64 + random.below(times);
        giant.rows = 64 + random.below(20_000);
        giant.load = 64 + random.below(20_000);
    }
    let splits = match random.below(4) {
        0 => Splits::AboveBytes(1 + total / 10),
        1 => Splits::Into(shards + u32::try_from(random.below(20)).unwrap()),
        _ => Splits::AboveShare,
    };
    let cost = [Cost::Bytes, Cost::Rows, Cost::Measured][random.index(3)];
    let cost = if is_open { Cost::Bytes } else { cost };
    case.planner = case.planner.cost(cost).split(splits);
    case
}

/// The fleet after these steps.
pub(super) fn carried_out(fleet: &Fleet, steps: &[Step]) -> Fleet {
    let mut fleet = fleet.clone();
    let shards = fleet.shards.iter().enumerate();
    let shards = shards.map(|(at, shard)| ((shard.group.clone(), shard.number), at));
    let mut shards: BTreeMap<(String, u32), usize> = shards.collect();
    for step in steps {
        match &step.action {
            Action::Activate { group, server } => activate(&mut fleet, group, server),
            Action::Move {
                group, shard, to, ..
            } => {
                let at = shards[&(group.clone(), *shard)];
                fleet.shards[at].server.clone_from(to);
            }
            Action::Split {
                group,
                shard,
                parts,
                ..
            } => {
                let at = shards[&(group.clone(), *shard)];
                let whole = fleet.shards[at].clone();
                for (index, part) in parts.iter().enumerate() {
                    let mut made = Shard {
                        number: part.shard,
                        server: part.server.clone(),
                        rows: part.rows,
                        bytes: part.bytes,
                        ..whole.clone()
                    };
                    made.load = portion(whole.load, parts.len(), index);
                    if index == 0 {
                        fleet.shards[at] = made;
                    } else {
                        shards.insert((group.clone(), part.shard), fleet.shards.len());
                        fleet.shards.push(made);
                    }
                }
            }
        }
    }
    fleet
}

pub(super) fn activate(fleet: &mut Fleet, group: &str, server: &str) {
    let own = fleet.servers.iter_mut();
    for own in own.filter(|own| own.group == group && own.name == server) {
        own.state = ServerState::Active;
    }
}

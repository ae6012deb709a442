//! Parses the excerpts of the data set into rows of the models.

use std::error::Error;
use std::path::Path;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use csv::StringRecord;

use crate::model::{Airline, Airport, Flight, Plane};

/// Returns all flights with an aircraft, and the number of flights without one, which were
/// cancelled.
pub(crate) fn flights(file: &Path) -> Result<(Vec<Flight>, usize), Box<dyn Error>> {
    let mut flights = Vec::new();
    let mut without_aircraft = 0;
    for (line, record) in (2..).zip(reader(file)?.records()) {
        let flight = flight(line, &record?)
            .map_err(|error| format!("{}, line {line}: {error}", file.display()))?;
        match flight {
            Some(flight) => flights.push(flight),
            None => without_aircraft += 1,
        }
    }
    Ok((flights, without_aircraft))
}

/// Returns all known aircraft. The columns are tailnum, year, type, manufacturer, model, engines,
/// seats, speed and engine.
pub(crate) fn planes(file: &Path) -> Result<Vec<Plane>, Box<dyn Error>> {
    let mut planes = Vec::new();
    for record in reader(file)?.records() {
        let record = record?;
        planes.push(Plane {
            aircraft: value(&record, 0)?,
            manufacturer: text(&record, 3)?.to_owned(),
            model: text(&record, 4)?.to_owned(),
            year: optional(&record, 1)?,
            seats: value(&record, 6)?,
        });
    }
    Ok(planes)
}

/// Returns all airlines.
pub(crate) fn airlines(file: &Path) -> Result<Vec<Airline>, Box<dyn Error>> {
    let mut airlines = Vec::new();
    for record in reader(file)?.records() {
        let record = record?;
        airlines.push(Airline {
            carrier: text(&record, 0)?.to_owned(),
            name: text(&record, 1)?.to_owned(),
        });
    }
    Ok(airlines)
}

/// Returns all airports. The columns are faa, name, lat, lon, alt, tz, dst and tzone.
pub(crate) fn airports(file: &Path) -> Result<Vec<Airport>, Box<dyn Error>> {
    let mut airports = Vec::new();
    for record in reader(file)?.records() {
        let record = record?;
        airports.push(Airport {
            code: text(&record, 0)?.to_owned(),
            name: text(&record, 1)?.to_owned(),
            altitude: value(&record, 4)?,
        });
    }
    Ok(airports)
}

fn reader(file: &Path) -> Result<csv::Reader<std::fs::File>, String> {
    csv::Reader::from_path(file).map_err(|error| format!("{}: {error}", file.display()))
}

/// The columns are year, month, day, dep_time, sched_dep_time, dep_delay, arr_time,
/// sched_arr_time, arr_delay, carrier, flight, tailnum, origin, dest, air_time, distance, hour,
/// minute and time_hour, which is the hour of the scheduled departure in UTC.
fn flight(line: i64, record: &StringRecord) -> Result<Option<Flight>, Box<dyn Error>> {
    let Some(aircraft) = optional(record, 11)? else {
        return Ok(None);
    };
    let hour: DateTime<Utc> = value(record, 18)?;
    Ok(Some(Flight {
        aircraft,
        id: line,
        carrier: text(record, 9)?.to_owned(),
        number: value(record, 10)?,
        origin: text(record, 12)?.to_owned(),
        destination: text(record, 13)?.to_owned(),
        scheduled_at: hour + TimeDelta::minutes(value(record, 17)?),
        departure_delay: optional(record, 5)?,
        distance: value(record, 15)?,
    }))
}

fn text(record: &StringRecord, column: usize) -> Result<&str, String> {
    record
        .get(column)
        .ok_or_else(|| format!("missing column {}", column + 1))
}

fn value<T>(record: &StringRecord, column: usize) -> Result<T, String>
where
    T: FromStr<Err: std::fmt::Display>,
{
    let text = text(record, column)?;
    text.parse()
        .map_err(|error| format!("column {}, `{text}`: {error}", column + 1))
}

/// `NA` is a missing value.
fn optional<T>(record: &StringRecord, column: usize) -> Result<Option<T>, String>
where
    T: FromStr<Err: std::fmt::Display>,
{
    match text(record, column)? {
        "NA" => Ok(None),
        _ => value(record, column).map(Some),
    }
}

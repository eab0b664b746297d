//! Passes a point and says that it is alive: what a program with points does in this build.
#![forbid(unsafe_code)]

use k1s_crash::{Point, pass};

fn main() {
    pass(Point::K1);
    pass(Point::H1);
    println!("alive");
}

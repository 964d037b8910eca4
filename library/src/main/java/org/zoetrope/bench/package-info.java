/// Enters: a [Plan][org.zoetrope.bench.Plan] of what to measure and how long, and perhaps a model folder.
/// Leaves: a [Report][org.zoetrope.bench.Report] as a table, as JSON, as a roofline picture, or against an earlier one.
/// Two builds or two settings: [Versus][org.zoetrope.bench.Versus] measures them in turns and leaves a
/// [Comparison][org.zoetrope.bench.Comparison].
/// Read first: `Bench`, then `Suite` for what is measured and `Yardstick` for what it is compared with.
@NullMarked
package org.zoetrope.bench;

import org.jspecify.annotations.NullMarked;

/// The command line. Enters: arguments as they are typed. Leaves: files, a report on the terminal, and an exit code
/// that says how it went. Read first: `Main`, then `GenerateCommand`.
@NullMarked
package org.zoetrope.cli;

import org.jspecify.annotations.NullMarked;

/// The rules of the house, checked on the sources and classes of every module.
/// Enters: this repository. Leaves: nothing, or the list of what breaks a rule.
/// Read first: `RoomsTest`, then `SourceFormatTest`.
@NullMarked
package org.zoetrope.house;

import org.jspecify.annotations.NullMarked;

/// Published model folders on the Hugging Face hub, or on a server that speaks its protocol.
/// The name of a repository enters; a folder with every file whole and checked against the listing's hashes leaves.
/// Read first: `Pull`, then `HubClient`.
@NullMarked
package org.zoetrope.hub;

import org.jspecify.annotations.NullMarked;

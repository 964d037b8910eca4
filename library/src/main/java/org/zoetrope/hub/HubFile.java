package org.zoetrope.hub;

import java.util.Arrays;
import java.util.Locale;
import java.util.Set;

/// A file of a repository as its listing describes it.
///
/// @param path     relative, with `/` between folders; names that would leave the folder are refused
/// @param size     bytes
/// @param checksum what the bytes hash to
public record HubFile(String path, long size, Checksum checksum) {
    private static final Set<String> PICKLES = Set.of("bin", "ckpt", "pt", "pth", "pkl", "pickle", "npy", "npz", "h5");

    public HubFile {
        var parts = path.split("/", -1);
        if (path.length() > 512 || path.chars().anyMatch(c -> c < ' ' || c == '\\' || c == ':' || c == 127)
                || Arrays.stream(parts).anyMatch(part -> part.isEmpty() || part.equals(".") || part.equals(".."))
                || parts[0].equals(Snapshot.FILE)) {
            throw new HubException("the listing names a file \"%s\", which is no safe name inside a folder; "
                    + "nothing was fetched", path.replaceAll("\\p{Cntrl}", "?"));
        }
        if (size < 0) {
            throw new HubException("the listing gives %s a size of %d bytes", path, size);
        }
    }

    /// Whether the format can carry code that runs while it is read; such files are never fetched.
    public boolean isPickle() {
        return PICKLES.contains(path.substring(path.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT));
    }
}

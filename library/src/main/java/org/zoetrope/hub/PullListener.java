package org.zoetrope.hub;

/// Hears how a pull goes on.
@FunctionalInterface
public interface PullListener {
    /// @param file  the file being fetched
    /// @param bytes how much of it is here
    void progress(HubFile file, long bytes);
}

package org.zoetrope.hub;

import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.stream.Collectors;

/// Where a model lives: a server, a repository on it, and a branch, tag or commit.
///
/// @param endpoint such as `https://huggingface.co`
/// @param name     `OWNER/NAME`
/// @param revision such as `main`
public record HubRepository(URI endpoint, String name, String revision) {
    public static final URI HUGGING_FACE = URI.create("https://huggingface.co");

    public HubRepository {
        if (!name.matches("[A-Za-z0-9][\\w.-]{0,95}(/[A-Za-z0-9][\\w.-]{0,95})?") || name.contains("..")) {
            throw new HubException("\"%s\" is not the name of a repository; write OWNER/NAME, such as "
                    + "THUDM/CogVideoX-2b", name);
        }
        if (!revision.matches("[\\w./+-]{1,200}") || revision.contains("..")) {
            throw new HubException("\"%s\" is not a branch, tag or commit", revision);
        }
        var scheme = String.valueOf(endpoint.getScheme());
        if (!scheme.matches("https?") || endpoint.getHost() == null) {
            throw new HubException("\"%s\" is not the address of a server; write http(s)://HOST", endpoint);
        }
    }

    /// The last part of the name, which is also the folder a pull goes to unless told otherwise.
    public String shortName() {
        return name.substring(name.lastIndexOf('/') + 1);
    }

    HubRepository at(String commit) {
        return new HubRepository(endpoint, name, commit);
    }

    URI revisionAddress() {
        return address("/api/models/%s/revision/%s".formatted(name, encoded(revision)));
    }

    URI treeAddress() {
        return address("/api/models/%s/tree/%s?recursive=true".formatted(name, encoded(revision)));
    }

    URI fileAddress(HubFile file) {
        var path = Arrays.stream(file.path().split("/")).map(HubRepository::encoded).collect(Collectors.joining("/"));
        return address("/%s/resolve/%s/%s".formatted(name, encoded(revision), path));
    }

    private URI address(String path) {
        return URI.create(endpoint.toString().replaceAll("/+$", "") + path);
    }

    private static String encoded(String part) {
        return URLEncoder.encode(part, StandardCharsets.UTF_8).replace("+", "%20");
    }
}

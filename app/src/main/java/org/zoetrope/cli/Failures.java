package org.zoetrope.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.zoetrope.bench.BenchException;
import org.zoetrope.diffusion.SamplingException;
import org.zoetrope.hub.HubException;
import org.zoetrope.media.MediaException;
import org.zoetrope.pipeline.CancelledException;
import org.zoetrope.pipeline.GenerationException;
import org.zoetrope.pipeline.RequestException;
import org.zoetrope.server.ServerException;
import org.zoetrope.tensor.ShapeException;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.WeightsException;
import picocli.CommandLine;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/// The one place where exceptions become words and exit codes.
final class Failures implements IExecutionExceptionHandler, IParameterExceptionHandler {
    static final int FAILED = 1;
    static final int MISTAKEN = 2;
    static final int INTERRUPTED = 130;

    private final Zoetrope zoetrope;

    Failures(Zoetrope zoetrope) {
        this.zoetrope = zoetrope;
    }

    @Override
    public int handleParseException(ParameterException e, String[] arguments) {
        zoetrope.terminal().tell("error: %s", e.getMessage());
        if (!UnmatchedArgumentException.printSuggestions(e, zoetrope.terminal().err())) {
            zoetrope.terminal().tell("try    %s --help", e.getCommandLine().getCommandSpec().qualifiedName());
        }
        return MISTAKEN;
    }

    @Override
    public int handleExecutionException(Exception e, CommandLine line, ParseResult parsed) {
        return report(e);
    }

    /// Says what went wrong.
    ///
    /// @return the exit code
    int report(Throwable e) {
        if (zoetrope.debug()) {
            e.printStackTrace(zoetrope.terminal().err());
        }
        if (zoetrope.interruption().isRequested() || e instanceof CancelledException) {
            zoetrope.terminal().tell(e instanceof CancelledException ? "%n%s" : "%ncancelled", e.getMessage());
            return INTERRUPTED;
        }
        return switch (e) {
            case RequestException _, UsageException _ -> said(e, MISTAKEN);
            case ConfigException _, WeightsException _, ShapeException _, MediaException _ -> said(e, FAILED);
            case SamplingException _, GenerationException _, HubException _, ServerException _, BenchException _ ->
                said(e, FAILED);
            case UncheckedIOException u -> said("%s".formatted(String.valueOf(u.getCause())), FAILED);
            case IOException _ -> said(e.toString(), FAILED);
            case OutOfMemoryError _ -> said(e + "\n  fix    ask for fewer or smaller frames, or give Java more with "
                    + "ZOETROPE_JAVA_OPTIONS=-Xmx8g", FAILED);
            default -> said("unexpected %s: %s%s".formatted(e.getClass().getSimpleName(),
                    String.valueOf(e.getMessage()).lines().findFirst().orElse(""), advice(e)), FAILED);
        };
    }

    /// libtorch has one exception for everything; running out of memory is the one a user can do something about.
    private String advice(Throwable e) {
        var words = String.valueOf(e.getMessage());
        if (words.contains("can't allocate memory") || words.contains("out of memory")) {
            return "\n  fix    ask for fewer or smaller frames, or for --dtype bfloat16; zoetrope inspect MODEL shows "
                    + "what a request takes";
        }
        return zoetrope.debug() ? "" : "\n  fix    run it again with --debug, which shows where it happened";
    }

    private int said(Throwable e, int code) {
        return said(String.valueOf(e.getMessage()), code);
    }

    private int said(String words, int code) {
        zoetrope.terminal().tell("error: %s", words);
        return code;
    }
}

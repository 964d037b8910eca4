package org.zoetrope.server;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import java.util.function.Consumer;
import org.slf4j.LoggerFactory;

/// Hears every line that a class logs, on the thread that logs it, and keeps the lines from other ears until it is closed.
final class LogEar implements AutoCloseable {
    private final Logger logger;
    private final AppenderBase<ILoggingEvent> lines;

    LogEar(Class<?> of, Consumer<ILoggingEvent> heard) {
        logger = (Logger) LoggerFactory.getLogger(of);
        lines = new AppenderBase<>() {
            @Override
            protected void append(ILoggingEvent line) {
                heard.accept(line);
            }
        };
        lines.start();
        logger.addAppender(lines);
        logger.setLevel(Level.INFO);
        logger.setAdditive(false);
    }

    @Override
    public void close() {
        logger.detachAppender(lines);
        logger.setLevel(null);
        logger.setAdditive(true);
    }
}

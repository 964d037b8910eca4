package org.zoetrope.server;

import java.util.List;
import java.util.Optional;

/// A request that is answered with an error, in the envelope that clients of OpenAI read.
final class ApiException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int status;
    private final String type;
    private final String code;
    private final transient Optional<String> param;

    private ApiException(int status, String type, String code, Optional<String> param, String message) {
        super(message, null, false, false);
        this.status = status;
        this.type = type;
        this.code = code;
        this.param = param;
    }

    static ApiException invalid(String code, String message) {
        return new ApiException(400, "invalid_request_error", code, Optional.empty(), message);
    }

    static ApiException invalid(String code, String param, String message) {
        return new ApiException(400, "invalid_request_error", code, Optional.of(param), message);
    }

    /// With everything that was found wrong.
    static ApiException invalid(String code, List<String> problems) {
        return invalid(code, problems.size() == 1 ? problems.getFirst()
                : "%d problems:\n- %s".formatted(problems.size(), String.join("\n- ", problems)));
    }

    static ApiException notFound(String what) {
        return new ApiException(404, "invalid_request_error", "not_found", Optional.empty(), what);
    }

    static ApiException unauthorized(String message) {
        return new ApiException(401, "invalid_request_error", "invalid_api_key", Optional.empty(), message);
    }

    static ApiException forbidden(String message) {
        return new ApiException(403, "invalid_request_error", "forbidden", Optional.empty(), message);
    }

    static ApiException tooLarge(String message) {
        return new ApiException(413, "invalid_request_error", "request_too_large", Optional.empty(), message);
    }

    static ApiException tooMany(String message) {
        return new ApiException(429, "rate_limit_error", "queue_full", Optional.empty(), message);
    }

    static ApiException busy(String message) {
        return new ApiException(429, "rate_limit_error", "busy", Optional.empty(), message);
    }

    static ApiException unavailable(String message) {
        return new ApiException(503, "server_error", "unavailable", Optional.empty(), message);
    }

    /// A model whose folder cannot be read as it should.
    static ApiException unusable(String model, RuntimeException e) {
        return unavailable("the model %s cannot be used: %s".formatted(model, e.getMessage()));
    }

    static ApiException broken(String requestId) {
        return new ApiException(500, "server_error", "internal_error", Optional.empty(),
                "the server failed; its log has the reason under the request id " + requestId);
    }

    int status() {
        return status;
    }

    String type() {
        return type;
    }

    String code() {
        return code;
    }

    Optional<String> param() {
        return param;
    }
}

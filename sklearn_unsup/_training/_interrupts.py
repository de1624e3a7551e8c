"""Defer Ctrl-C to a moment when no training is lost."""

import signal
import threading

_ALLOWED, _BETWEEN_BATCHES, _RAISED, _DEFERRED = "allowed", "between batches", "raised", "deferred"


class InterruptHandler:
    """Context manager that decides when Ctrl-C may stop a `fit`.

    Python raises KeyboardInterrupt between any two instructions: in the middle of a step, while
    results are stored, or in a `finally` block. What was learnt would be lost. Here it is raised

    - at once, before training (`allow`);
    - between two batches, during training (`allow_between_batches`); a second Ctrl-C is raised at
      once, as a batch may take long;
    - at the end of the context, after training (`defer`).

    While one KeyboardInterrupt is handled, further ones are deferred. All of this applies only to
    the main thread, where Python handles signals, and only if a handler is set. A custom handler is
    called at the same moments.
    """

    _state, _pending, _handler = _DEFERRED, None, None

    def __enter__(self):
        """Replace the handler of SIGINT; Ctrl-C is deferred until `allow`."""
        if threading.current_thread() is threading.main_thread():
            handler = signal.getsignal(signal.SIGINT)
            if callable(handler):
                self._handler = handler
                signal.signal(signal.SIGINT, self._handle_signal)
        return self

    def __exit__(self, kind, error, traceback):
        """Restore the handler, and deliver a signal that was deferred."""
        self._state = _DEFERRED
        if self._handler is None:
            return
        if signal.getsignal(signal.SIGINT) == self._handle_signal:  # no other was set meanwhile
            signal.signal(signal.SIGINT, self._handler)
        if self._pending is not None and not (kind and issubclass(kind, KeyboardInterrupt)):
            self._handler(*self._pending)

    def allow(self):
        """Let Ctrl-C raise at once."""
        self._state = _ALLOWED
        self._deliver()

    def allow_between_batches(self):
        """Let Ctrl-C raise in the next `poll`."""
        self._state = _BETWEEN_BATCHES

    def poll(self):
        """Deliver a signal that has arrived since `allow_between_batches`."""
        if self._state is _RAISED:  # and the KeyboardInterrupt was caught by other code
            self._state = _BETWEEN_BATCHES
        if self._state is _BETWEEN_BATCHES:
            self._deliver()

    def defer(self):
        """Let Ctrl-C raise at the end of the context."""
        self._state = _DEFERRED

    def _deliver(self):
        if self._pending is None:
            return
        pending, self._pending = self._pending, None
        state, self._state = self._state, _RAISED  # do not interrupt what follows
        self._handler(*pending)
        self._state = state  # a custom handler need not raise

    def _handle_signal(self, number, frame):
        is_second = self._state is _BETWEEN_BATCHES and self._pending is not None
        self._pending = number, frame
        if is_second or self._state is _ALLOWED:
            self._deliver()

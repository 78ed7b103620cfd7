/**
 * A hook for React:
 *
 *     const { start, stop, state, finals, partial, error } = useTranscription({ token: fetchToken });
 *     <button onClick={() => start(new Microphone())}>Start</button>
 * @module
 */

import { useEffect, useRef, useState } from "react";
import { Transcription } from "scribewire";

/** @import { FinalResult, Source, TranscriptionError } from "scribewire" */

/**
 * Transcribe what `start` is given, until `stop` or until the component goes.
 * @param {ConstructorParameters<typeof Transcription>[0]} options As they are when `start` is called.
 */
export function useTranscription(options) {
  const running = useRef(/** @type {Transcription | null} */ (null));
  const [state, setState] = useState("disconnected");
  const [finals, setFinals] = useState(/** @type {FinalResult[]} */ ([]));
  const [partial, setPartial] = useState("");
  const [error, setError] = useState(/** @type {TranscriptionError | null} */ (null));

  useEffect(() => () => running.current?.close(), []);

  /** @param {Source} [source] None for a stream that the server fetches. */
  function start(source) {
    running.current?.close();
    const transcription = (running.current = new Transcription(options));
    setFinals([]);
    setError(null);
    transcription.on("state", setState);
    transcription.on("partial", ({ text }) => setPartial(text));
    transcription.on("final", (final) => {
      setPartial("");
      if (final.text) setFinals((finals) => [...finals, final]);
    });
    transcription.on("error", setError);
    transcription.start(source).catch(() => {}); // "error" has told it
  }

  const stop = () => running.current?.stop();
  return { start, stop, state, finals, partial, error };
}

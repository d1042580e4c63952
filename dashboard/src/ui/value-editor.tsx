import { useId, useState } from 'preact/hooks';

/** Lines of the text field: as many as the value has, within what a screen shows. */
const MIN_ROWS = 3;
const MAX_ROWS = 18;

/** Why a text is no JSON value, in the words of the browser; undefined when it is one. */
export function jsonFlaw(text: string): string | undefined {
  if (text.trim() === '') return 'The value is empty. A text needs quotes: "".';
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A field for a JSON value, which says what is wrong with the text while it is no JSON. */
export function ValueField(props: {
  readonly label: string;
  readonly text: string;
  readonly onText: (text: string) => void;
}) {
  const { label, text, onText } = props;
  const id = useId();
  const [touched, setTouched] = useState(false);
  const flaw = jsonFlaw(text);
  const shown = touched && flaw !== undefined;
  return (
    <div class="value-field">
      <label for={id}>{label}</label>
      <textarea
        id={id}
        rows={Math.min(MAX_ROWS, Math.max(MIN_ROWS, text.split('\n').length))}
        value={text}
        spellcheck={false}
        aria-invalid={shown}
        aria-describedby={`${id}-flaw`}
        onInput={(event) => {
          setTouched(true);
          onText(event.currentTarget.value);
        }}
      />
      <p id={`${id}-flaw`} class="error-text">
        {shown && (
          <>
            <span aria-hidden="true">✕ </span>This is no JSON: {flaw}
          </>
        )}
      </p>
    </div>
  );
}

// Reads a `text/event-stream` body, event by event, as the HTML standard says (section 9.2.6).

/// Yields {id, event, data, comment}; a comment is an event of its own here, to see keep-alives.
export async function* events(response) {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body) {
    rest += decoder.decode(chunk, { stream: true });
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) yield parse(block);
  }
}

function parse(block) {
  const event = {};
  const data = [];
  for (const line of block.split("\n")) {
    const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (name === "") event.comment = value;
    else if (name === "data") data.push(value);
    else event[name] = value;
  }
  event.data = data.join("\n");
  return event;
}

/// The stream with a reader that waits at most so long for what it is asked.
export class EventReader {
  constructor(response) {
    this.source = events(response);
    this.seen = [];
  }

  /// The next event, or undefined when the stream has ended.
  async next(millis) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no event within ${millis} ms; before: ${JSON.stringify(this.seen)}`)), millis);
    });
    try {
      const step = await Promise.race([this.source.next(), late]);
      if (step.done) return undefined;
      this.seen.push(step.value);
      return step.value;
    } finally {
      clearTimeout(timer);
    }
  }

  /// The next event whose message satisfies `wanted`, parsed; throws when the stream ends first.
  async message(wanted, millis) {
    const until = Date.now() + millis;
    for (;;) {
      const event = await this.next(Math.max(1, until - Date.now()));
      if (!event) throw new Error(`the stream ended; before: ${JSON.stringify(this.seen)}`);
      if (!event.data) continue;
      const message = JSON.parse(event.data);
      if (wanted(message)) return { ...event, message };
    }
  }
}

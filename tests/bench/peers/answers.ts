// The peers' tools return the very results our gateway gives to the same calls:
// the build puts them in place of this name, so that every server ships equal
// payloads and only the work around them differs. They are constants, which
// favours the peers: ours builds its answer from its catalogue.
declare const BENCH_ANSWERS: Record<"list_models" | "get_instructions", never>;

export const listModels = async () => BENCH_ANSWERS.list_models;
export const getInstructions = async () => BENCH_ANSWERS.get_instructions;

export function lwipSource(): string | undefined;
export function compileLwip(source: string, program: string, files: string[]): string;
export function lwipHostFiles(source: string): string[];

export const ROOT: string;
export function readProfile(name: string): Record<string, number>;
export function compile(options: {
  entry: string;
  out: string;
  profile?: string;
  exportMemory?: boolean;
  use?: Record<string, number>;
  replace?: Record<string, string>;
  flags?: string[];
}): Promise<string>;
export function newest(folder: string): number;
export function mtime(path: string): number;

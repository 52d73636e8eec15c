// What `bin/portolan` gives to Node: the program, without the time that compiling it takes.
import { loadProgram } from './compiled.ts';

loadProgram(import.meta.dirname).run();

#!/bin/sh
# record_inputs.sh COMPILER OBJECT COMMAND...: compiles, and leaves OBJECT.inputs for attnlab-digest:
# the folder, the words of the command that can change code, "read:", the compiler's dependency file
# (which ninja removes as soon as the command has ended).
compiler=$1 object=$2
shift 2
rm -f "$object.inputs"
"$@" || exit
dependencies='' skip=programs
{
  pwd
  for word; do
    case $skip in
      '') ;;
      programs) case $word in "$compiler" | */nvcc) skip='' ;; esac; continue ;;
      include) skip='' && echo "include $word"; continue ;;
      dependencies) skip='' dependencies=$word; continue ;;
      *) skip=''; continue ;;
    esac
    case $word in
      -MF) skip=dependencies ;;
      -include) skip=include ;;
      -isystem | -iquote | -idirafter | -o | -c | -MT | -MQ) skip=word ;;
      -W[alp],*) echo "$word" ;;
      -I* | -W* | -M* | -g* | -fdiagnostics* | -f*-prefix-map=* | -fpch-preprocess | -D*_EXPORTS) ;;
      *) echo "$word" ;;
    esac
  done
  echo read:
  cat "$dependencies"
} >"$object.inputs" || rm -f "$object.inputs"
exit 0

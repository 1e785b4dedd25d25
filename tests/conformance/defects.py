"""defects.py: what is wrong with each plugin that broken_test.py looks at, and the property that has to find it."""

# plugin -> (property that names it, what it says, other properties that the same fault breaks)
BROKEN = {
    "leaks_next": ("causality", "output row t takes .* of value row s at .*", "future_values future_pattern dense"),
    "leaks_faintly": ("causality", r"output row t takes 9\.9999\d*e-10 of value row s at .*", "softmax future_values future_pattern gradients "
                      "finite_differences"),
    "pattern_leak": ("future_pattern", "it is the choice of keys that looks ahead: mend it, or declare kPatternSeesFuture",
                     ""),
    "gradient_leak": ("future_values", "with respect to the value of later rows is .*; expected exactly 0",
                      "gradients finite_differences"),
    "wrong_gradient": ("gradients", "the gradient of the key is off by .*; allowed are", "finite_differences"),
    "no_softmax": ("softmax", r"the weight \[b, h, t, s\] is off by", "gradients"),
    "out_of_bounds": ("bounds", "forward wrote bytes 0 to 0 after the end of a block of", ""),
    "unwritten": ("unwritten", "where fresh memory holds NaN instead of 0", "softmax gradients finite_differences"),
    "ignores_seed": ("seed", "declares kDrawsAtRandom, and five run seeds give the same output", ""),
    "secret_draw": ("seed", "does not declare kDrawsAtRandom, and with another run seed", ""),
    "global_generator": ("generator", "create draws from LibTorch's global generator, as torch::nn modules do", ""),
    "changes_process": ("process", "forward changes what the whole process shares: the number of LibTorch's threads: "
                        r"\d+, now 7\.", ""),
    "call_order": ("determinism", "numbers differ, the first at|threads: differs by",  # by where its generator was
                   "unwritten layout causality softmax future_values future_pattern poison gradients batch evaluation "
                   "finite_differences"),
    "batch_position": ("batch", "sequence ids in another order|in a batch of its own", ""),
    "quadratic": ("memory", r"memory grows with T\^(1\.9|2)\S*: .*; expected T; mend it, or declare kQuadraticMemory", ""),
    # Whatever calls it twice with one key sees two functions.
    "modifies_input": ("inputs", "the key after forward: .* numbers differ", "evaluation determinism finite_differences "
                       "softmax gradients unwritten layout seed"),
    "ignores_strides": ("layout", "the output for every second number of a tensor|for views of", ""),
    "wrong_dtype": ("output", "the output has dtype Double; expected Float", ""),
    "hides_nan": ("divergence", "value row \\d+ is NaN, and output row .* is finite: what is no number has to stay visible", ""),
    "not_finite": ("output", "holds NaN or infinity for finite query, key and value", ""),
    "dense_when": ("dense", "the output with window=16 is off by", ""),
    "bad_statistics": ("evaluation", "the statistic 'load' is not finite", ""),
    "takes_anything": ("parameters", "window=no_such_value is accepted; expected an Error that names 'window'", ""),
}

# What a plugin owns: defects of planted/learned.cpp, with the same facts.
OWNED = {
    "pooled_future": ("future_pattern", "it is the choice of keys that looks ahead", ""),
    "parameter_without_gradient": (
        "parameter_gradients", "the parameter 'scale' gets no gradient, though the loss rises by .*: the graph is cut", ""),
    "parameter_dead": ("parameter_gradients", "the parameter 'gate' gets no gradient, and the loss does not depend on it", ""),
    "parameter_gradient head=0": (
        "parameter_gradients", "along a random direction of the parameter 'scale' the loss rises by", ""),
    "parameter_gradient_2 head=1": (
        "parameter_gradients", "along a random direction of the parameter 'gate' the loss rises by", ""),
    "undeclared_leaf": ("leaves", r"a tensor of shape \[\d+\] requires a gradient and was not declared", ""),
    "buffer_in_evaluation": ("buffers", "the buffer 'energy' moved in evaluation", "evaluation"),
    "buffer_within_step": ("buffers", "the buffer 'energy' moved in a training step's forward", "determinism evaluation"),
    "evaluation_is_collected": ("buffers", "'energy' after the same step without gradients and evaluations", ""),
    "mean_of_parts": ("buffers", "'energy' after a step whose batch was cut in two instead of whole", ""),
    "collected_is_a_mean": ("buffers", "'energy' after a step that two ranks shared", ""),
    "collected_lacks_a_sum": ("buffers", "'energy' (after a step that two ranks shared|of two ranks)", ""),
    "collected_is_a_copy": ("buffers", "'energy' (after a step that two ranks shared|of two ranks)", ""),
    "buffer_of_other_sizes": ("buffers", r"finish_step\(\) gave the buffer 'energy' the sizes", ""),
    "last_part_counts": ("buffers", "'energy' after a step whose batch was cut in two instead of whole", ""),
}

# What waits for something that a plugin is told beside its numbers, or for numbers and sizes that are not usual.
TOLD = {
    "evaluation_future": ("exact", "evaluation", "in evaluation, whose output is not that of training: output row t takes"),
    "evaluation_scale": ("exact", "evaluation", "in evaluation, .*the weight .* is off by"),
    "nothing_in_evaluation": ("exact", "evaluation", "the output in evaluation is 0 for a row that is not in training"),
    "documents_in_evaluation": ("exact", "evaluation", "in evaluation, .*with documents apart: output row t takes"),
    "wrong_pairs": ("exact", "evaluation", r"'pairs_per_query' is \S+, and rows see \S+ keys in the mean"),
    "logged_gradient": ("exact", "evaluation", "gradient of the query, a training step that is asked for statistics"),
    "later_layer": ("exact", "causality", "output row t takes"),
    "last_layer": ("exact", "causality", "output row t takes"),
    "late_step": ("exact", "causality", "output row t takes"),
    "long_keys": ("exact", "causality", "output row t takes"),
    "room": ("exact", "causality", "output row t takes"),
    "whole_blocks": ("exact", "causality", "output row t takes"),
    "many_sequences": ("exact", "causality", "output row t takes"),
    "many_heads": ("exact", "causality", "output row t takes"),
    "wide_heads": ("exact", "softmax", "the weight .* is off by"),
    "head_dim_80": ("exact", "softmax", "the weight .* is off by"),
    "head_dim_96": ("exact", "softmax", "the weight .* is off by"),
    "twelve_heads": ("exact", "softmax", "the weight .* is off by"),
    "tied_keys": ("exact", "softmax", "with pairs of equal keys and some zero queries: the weight .* is off by"),
    "hides_scores": ("exact", "divergence", "query and key are NaN throughout, and every number of the output is finite"),
    "clamped_scores": ("exact", "softmax", "the weight .* is off by"),
    "no_maximum": ("exact", "output", "holds NaN or infinity"),
    "writes_documents": ("exact", "inputs", "the documents after forward"),
    "kept_draws": ("random", "determinism", "a call after one of the same step, of other sequence ids"),
}

# A plugin that keeps documents apart but for one thing at their borders.
AT_BORDERS = {
    "crosses_border": "output row t takes .* of value row s of another document",
    "pattern_across_border": "other documents change the rows of that of t = ",
    "gradient_across_border head=0": "with respect to the value of other documents is .*; expected exactly 0",
}

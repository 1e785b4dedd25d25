/// snapshot.h: a run's tensors to files of a checkpoint and back.
///   model.safetensors holds what a PyTorch module of the same parts calls state_dict():
///   "token_embedding.weight", "blocks.0.attention_in.weight", "final_norm.weight"; what an attention
///   owns keeps its own name, "blocks.0.attention.sink". optimizer.safetensors holds
///   "state.NAME.exp_avg", ".exp_avg_sq" and ".step", as torch.distributed.checkpoint names them.
#pragma once

#include <filesystem>

#include "framework/checkpoint/safetensors.h"
#include "framework/model/transformer.h"
#include "framework/train/optimizer.h"

namespace attnlab::train {

/// Throw Error: a disk that is full.
checkpoint::WrittenFile save_model(const std::filesystem::path& file, const model::Transformer& model);
checkpoint::WrittenFile save_optimizer(const std::filesystem::path& file, const model::Transformer& model,
                                       const AdamW& optimizer);

/// All tensors of the file into those of the model, bit for bit. Throws Error, before anything is
/// changed, where names, shapes or dtypes are not those of this model.
void load_model(const std::filesystem::path& file, model::Transformer& model);
void load_optimizer(const std::filesystem::path& file, const model::Transformer& model, AdamW& optimizer);

/// What another run begins with: the weights that are the model's own must all be there; what the
/// attention owns is taken where the file is `of_same_attention` and has it in that shape, else it keeps
/// its first values. Throws Error as load_model() does.
void load_initial(const std::filesystem::path& file, model::Transformer& model, bool of_same_attention);

}  // namespace attnlab::train

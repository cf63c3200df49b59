"""Which old runs there are: for each the command that began it, its data, and where it was cut off.

A case is ``(command, words, data, end)``, and perhaps the case that its weights come from and options for that.  The
end is ``("stop", n)``: asked to stop by a signal after step n of all steps; ``("kill", n)``: gone before step n + 1, so
that the files of the last save remain; or ``("more", n)``: trained to its end, to be resumed with ``epochs=n``.
"""

FAST = ["training.epochs=4", "training.batch_size=8"]
MLP = ["mlp", "model.hidden=[5]", "model.dropout=0", "model.input_dropout=0", "optimizer.learning_rate=0.02", *FAST]
LINEAR = ["linear", *FAST]
LAYERS = ["residual", "optimizer.learning_rate=0.05", *FAST]
AUTO = ["autoencoder", "model.hidden=[6]", "model.code=3", "optimizer.learning_rate=0.02", *FAST]
RBM = ["rbm", "model.hidden=4", "optimizer.learning_rate=0.02", *FAST]
CLASSRBM = ["classrbm", "model.hidden=5", "optimizer.learning_rate=0.02", *FAST]
DBN = ["dbn", "model.hidden=[6,5]", "optimizer.learning_rate=0.05", "training.epochs=3", "training.batch_size=8"]
UPDOWN = ["updown", "model.hidden=[6,5,7]", "optimizer.learning_rate=0.02", *FAST]
FINETUNE = ["finetune", "model.hidden=[6,5]", "training.updates=6", *FAST]

SCHEDULES = (
    "{name='constant',value=0.02}",
    "{name='cosine_restarts',value=0.03,lowest=0.001,period=2,growth=1.5}",
    "{name='exponential',value=0.02,factor=0.8}",
    "{name='inverse_root',value=0.02}",
    "{name='inverse_time',value=0.02,slope=0.3}",
    "{name='join',schedules=[{name='constant',value=0.01},{name='exponential',value=0.02}],epochs=[1]}",
    "{name='one_cycle',value=0.03,epochs=4}",
    "{name='piecewise',values=[0.03,0.01],boundaries=[2]}",
    "{name='ramp',start=0.001,stop=0.02,epochs=3}",
    "{name='step',value=0.02,factor=0.5,every=1}",
    "{name='triangular',low=0.005,high=0.03,period=2,decay=0.9}",
    "{name='warm_up',then={name='step',value=0.02,every=2},epochs=2,start=0.2}",
    "0.02",
)
RULES = (
    "adadelta", "adagrad", "adam", "adamax", "adamw", "amsgrad", "lars", "nadam", "rmsprop", "sgd",
    "{name='rmsprop',momentum=0.5,centered=true,nesterov=true}", "{name='sgd',momentum=0.8,nesterov=true}",
    "{name='adam',beta1={name='ramp',start=0.5,stop=0.9,epochs=3},eps_inside=true}",
)  # fmt: skip
LOSSES = (
    ("absolute_error", "houses.csv"),
    ("absolute_percentage_error", "houses.csv"),
    ("binary_cross_entropy", "levels.csv"),
    ("{name='categorical_cross_entropy',label_smoothing=0.1}", "flowers.csv"),
    ("cosine_proximity", "pairs.npz"),
    ("hinge", "levels.csv"),
    ("{name='huber',delta=0.5}", "houses.csv"),
    ("kullback_leibler", "flowers.csv"),
    ("poisson", "houses.csv"),
    ("{name='softmax_squared_error',half=true}", "flowers.csv"),
    ("{name='squared_error',half=true}", "pairs.npz"),
    ("squared_hinge", "levels.csv"),
    ("squared_logarithmic_error", "houses.csv"),
)
INITIALIZERS = (
    "{name='constant',value=0.1}", "glorot", "{name='he',distribution='uniform'}", "lecun", "lsuv",
    "{name='normal',std=0.3}", "{name='orthogonal',gain=1.2}", "{name='sparse',k=3}", "{name='uniform',limit=0.4}",
)  # fmt: skip
PREPARATIONS = {
    "standardise": ("standardise", "flowers.csv"),
    "min_max": ("min_max", "flowers.csv"),
    "scale": ("scale", "images"),
    "none": ("none", "flowers.csv"),
    "one_hot": ("one_hot", "levels.csv"),
    "pca": ("{name='pca',components=3,whiten=true,epsilon=0.01}", "flowers.csv"),
    "zca": ("['scale',{name='zca',epsilon=0.1}]", "images"),
    "binarise": ("['scale',{name='binarise',threshold=0.4,stochastic=true}]", "images"),
    "chain": ("['min_max',{name='binarise',threshold=0.3},{name='pca',variance=0.95}]", "flowers.csv"),
}
VISIBLE = {
    "bernoulli": ("bernoulli", "images", []),
    "binomial": ("{name='binomial',trials=2}", "counts.npz", ["data.preprocess=none"]),
    "gaussian": ("gaussian", "flowers.csv", []),
    "noisy_relu": ("noisy_relu", "counts.npz", ["data.preprocess=none"]),
    "softmax": ("{name='softmax',group=4}", "bits.npz", ["data.preprocess=none"]),
}
HIDDEN = {
    "bernoulli": "bernoulli",
    "binomial": "{name='binomial',trials=3}",
    "gaussian": "gaussian",
    "noisy_relu": "noisy_relu",
    "softmax": "{name='softmax',group=2}",
}
CHAINS = (
    "from_data", "persistent", "{name='fast_persistent',count=6,fast_rate=0.02,fast_decay=0.9}",
    "{name='tempered',count=3,temperatures=4}", "7", "{name='from_data',mean_field=true}",
    "{name='tempered',count=3,temperatures=[1.0,0.6,0.0],adaptive=false}",
)  # fmt: skip
EXTRAS = (
    [], ["members=2"], ["model.center=false"], ["model.k=2"], ["model.k={name='ramp',start=1,stop=3,epochs=3}"],
    ["model.sparsity={target=0.2,cost=0.1}"], ["training.l2=1e-3"], ["model.binarise=false"],
)  # fmt: skip

CASES = {
    "mlp/plain": ("train", MLP, "flowers.csv", ("stop", 6)),
    "mlp/finished": ("train", [*MLP, "training.epochs=2", "model.hidden=[6,4]"], "images", ("more", 4)),
    "mlp/before_the_first_step": ("train", MLP, "flowers.csv", ("kill", 0)),
    "mlp/killed": ("train", [*MLP, "model.activation=tanh", "training.patience=3"], "flowers.csv", ("kill", 10)),
    "mlp/no_hidden_layer": ("train", [*LINEAR, "training.epochs=2"], "flowers.csv", ("more", 5)),
    "mlp/linear_activation": ("train",
        [*MLP, "model.activation=linear", "training.l1=1e-3"],
        "flowers.csv", ("stop", 5)),
    "mlp/everything": (
        "train",
        [
            *MLP, "members=2", "seed=5", "model.hidden=[5,4]", "model.dropout=0.2", "model.input_dropout=0.1",
            "model.input_noise=0.1", "model.batch_norm=true", "model.max_norm=1.5", "model.rate_factors=[1,0.5,2]",
            "training.averaging={name='ema',decay=0.8}", "training.plateau={patience=1,factor=0.5}", "training.l1=1e-3",
            "training.l2=1e-2", "training.clip_value=0.5", "training.clip_norm=1", "training.patience=4",
            "training.updates=5", "training.drop_last=false", "data.labels=18", "data.validation=0.25",
            "data.split_seed=2", "training.monitor=validation_loss",
        ],
        "flowers.csv",
        ("stop", 13),
    ),
    "mlp/stochastic_weight_averaging": (
        "train",
        [
            *MLP, "training.averaging={name='swa',start=2}", "model.batch_norm=after", "model.dropout=0.3",
            "model.dropout_mode=classic", "model.activation=leaky_relu",
        ],
        "flowers.csv",
        ("stop", 11),
    ),
    "mlp/population": ("train", [*MLP, "members=3", "training.patience=2", "data.split=tail"], "images", ("kill", 13)),
    "mlp/numbers_of_classes": (
        "train",
        [*MLP, "model.activation=softplus", "data.label=0", "data.header=false", "training.monitor=last"],
        "plain.tsv",
        ("stop", 7),
    ),
    "layers/every_layer": (
        "train",
        [
            *LAYERS,
            "model.layers=[{name='gaussian_noise',std=0.05},{name='dense',n_out=6,initializer='he',rate_factor=0.5},"
            "{name='batch_norm',epsilon=1e-4,averaging=0.2},{name='relu',grad_at_zero=0.5},'linear',"
            "{name='residual',body=['tanh',{name='dense',n_out=5,max_norm=2.0}],"
            "shortcut=[{name='dense',n_out=5,with_bias=false}]},{name='residual',body='linear'},"
            "[{name='dense',n_out=4},'sigmoid'],{name='leaky_relu',slope=0.1},'softplus',"
            "{name='dropout',rate=0.1,mode='classic'},'softmax']",
        ],
        "flowers.csv",
        ("stop", 9),
    ),
    "layers/residual": (
        "train",
        [
            *LAYERS,
            "model.layers=[{name='dense',n_out=5},{name='residual',body=['batch_norm','relu',"
            "{name='dense',n_out=5}],shortcut='linear'},'linear']",
            "members=2",
        ],
        "flowers.csv",
        ("kill", 6),
    ),
    "autoencoder/plain": ("train", AUTO, "images", ("stop", 8)),
    "autoencoder/other_activations": (
        "train",
        [*AUTO, "loss=squared_error", "model.activation=linear", "model.code_activation=tanh"],
        "flowers.csv",
        ("kill", 9),
    ),
    "autoencoder/from_dbn": ("train",
        [*AUTO, "model.hidden=[6]", "model.code=5"],
        "images", ("stop", 7), "dbn/finished"),
    "texts/default": ("train", MLP, "texts.csv", ("stop", 5)),
    "texts/frequencies": (
        "train",
        [
            *MLP, "data.preprocess={name='bag_of_words',words=20,minimum=2,weighting='tfidf'}",
            "augmentation.delete_words.rate=0.2", "augmentation.swap_words=true", "augmentation.move_words=true",
        ],
        "texts.csv",
        ("stop", 4),
    ),
    "texts/shares": (
        "train",
        [*MLP, "data.preprocess=[{name='bag_of_words',weighting='mean'},'standardise']", "training.epochs=2"],
        "texts.csv",
        ("more", 3),
    ),
    "regression/one_value": ("train", MLP, "houses.csv", ("stop", 6)),
    "regression/two_values": ("train", [*MLP, "members=2", "training.monitor=train_loss"], "pairs.npz", ("kill", 8)),
    "augmentation/images": (
        "train",
        [
            *MLP, "augmentation={shift={pixels=0.7,whole=false},flip={vertical=true},rotate=true,zoom=true,shear=true,"
            "elastic={pixels=0.5,smoothness=2.0},brightness=true,contrast=true,noise=true,cut_out={pixels=2},mixup=true}",
        ],
        "images",
        ("stop", 9),
    ),
    "augmentation/colours": (
        "train",
        [*MLP, "augmentation={shift={pixels=1.0},colour={amount=0.3},flip=true}"],
        "colours.npz",
        ("kill", 5),
    ),
    "augmentation/numbers": ("train",
        [*MLP, "augmentation={noise={std=0.1},mixup={alpha=0.4}}"],
        "flowers.csv", ("stop", 7)),
    "rbm/learned_variance": (
        "pretrain",
        [*RBM, "model.visible_units={name='gaussian',learn_variance=true}", "model.chains=from_data"],
        "flowers.csv",
        ("stop", 7),
    ),
    "rbm/scheduled_sparsity": (
        "pretrain",
        [
            *RBM, "model.sparsity={target={name='ramp',start=0.5,stop=0.2,epochs=4},cost={name='constant',value=0.2}}",
            "optimizer={name='adam',learning_rate=0.01}", "members=2", "augmentation.shift=true",
        ],
        "images",
        ("stop", 8),
    ),
    "rbm/finished": ("pretrain", [*RBM, "training.epochs=2", "members=2", "model.chains=5"], "images", ("more", 3)),
    "classrbm/plain": ("train", CLASSRBM, "images", ("stop", 9)),
    "classrbm/generative": (
        "train",
        [
            *CLASSRBM, "members=2", "model.discriminative=0", "model.generative=1.0", "model.chains=6", "model.k=2",
            "model.sparsity.target=0.3", "data.labels=20",
        ],
        "images",
        ("stop", 5),
    ),
    "classrbm/gaussian": ("train", [*CLASSRBM, "model.visible_units=gaussian"], "flowers.csv", ("kill", 9)),
    "dbn/finished": ("pretrain", DBN, "images", ("more", 4)),
    "dbn/inside_the_second_layer": ("pretrain", [*DBN, "members=2", "model.chains=6"], "images", ("stop", 20)),
    "dbn/between_layers": ("pretrain",
        [*DBN, "model.hidden=[6,5,4]", "model.top_units=gaussian"],
        "images", ("kill", 30)),
    "dbn/denoising": ("pretrain", [*DBN, "model.method=denoising", "model.corruption=0.3"], "images", ("stop", 21)),
    "dbn/supervised": ("pretrain", [*DBN, "model.method=supervised", "members=2"], "images", ("stop", 17)),
    "dbn/gaussian": (
        "pretrain",
        [
            *DBN, "model.visible_units=gaussian", "model.hidden_units=noisy_relu", "model.rate_factors=[0.1,0.5]",
            "model.sparsity.target=0.2",
        ],
        "flowers.csv",
        ("stop", 5),
    ),
    "updown/from_dbn": ("train", [*UPDOWN, "model.greedy=1", "model.k=2"], "images", ("stop", 12), "dbn/finished"),
    "updown/greedy": ("train", [*UPDOWN, "model.greedy=3", "members=2", "model.center=false"], "images", ("stop", 9)),
    "finetune/from_dbn": ("train", FINETUNE, "images", ("stop", 10), "dbn/finished"),
    "finetune/named_layers": (
        "train",
        [*FINETUNE, "model.hidden=[6,5,4]", "members=2", "data.labels=12", "training.averaging=ema"],
        "images",
        ("kill", 8),
        "dbn/finished",
        ["--graft", "001_rbm=002_dense"],
    ),
}  # fmt: skip
# Every kind of units with every kind of units; further settings take turns.
CASES |= {
    f"rbm/{v}_and_{h}": (
        "pretrain",
        [
            *RBM, f"model.visible_units={VISIBLE[v][0]}", f"model.hidden_units={HIDDEN[h]}", *VISIBLE[v][2],
            f"model.chains={CHAINS[(5 * i + j) % len(CHAINS)]}", *EXTRAS[(3 * i + j) % len(EXTRAS)],
            *(["optimizer.learning_rate=0.002"] if {v, h} & {"gaussian", "noisy_relu"} else []),
        ],
        VISIBLE[v][1],
        (("stop", "kill")[j % 2], 6 + j),
    )
    for i, v in enumerate(VISIBLE)
    for j, h in enumerate(HIDDEN)
}  # fmt: skip
CASES |= {
    f"preprocess/{name}": ("train", [*MLP, f"data.preprocess={words}"], data, ("stop", 6))
    for name, (words, data) in PREPARATIONS.items()
}
# Every loss, rule, schedule and initializer.
CASES |= {
    f"words/{number:02d}": (
        "train",
        [
            *MLP, f"optimizer={rule}", f"optimizer.learning_rate={rate}", f"loss={loss}",
            f"model.initializer={INITIALIZERS[number % len(INITIALIZERS)]}",
            *(["data.task=regression"] if data in ("houses.csv", "pairs.npz") else []),
        ],
        data,
        ("stop", 5 + number % 4),
    )
    for number, ((loss, data), rule, rate) in enumerate(zip(LOSSES, RULES, SCHEDULES))
}  # fmt: skip
